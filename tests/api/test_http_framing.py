"""Requests that two programs would read differently, and many requests on one connection."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

import pytest

from app.api.http_protocol import PIPELINED_MAX, BoundedHttpProtocol
from tests.support.raw_http import HELLO, Connection, echo, serving, told, told_split

POST = b"POST /coded HTTP/1.1\r\nHost: a\r\n"
BODY = b"\r\n2\r\nhi\r\n0\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SLICE_REQUESTS_MAX = 4 * 1024 // len(HELLO) + 1
"""So many are parsed at once."""


@pytest.fixture
async def port() -> AsyncGenerator[int]:
    async with serving(echo) as port:
        yield port


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (POST + b"Transfer-Encoding: gzip, chunked\r\n" + BODY, "malformed_request"),
        (POST + b"Transfer-Encoding: identity, chunked\r\n" + BODY, "malformed_request"),
        (POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n" + BODY, None),
        (POST + b"Transfer-Encoding: chunked\r\nTRANSFER-encoding: chunked\r\n" + BODY, None),
        (POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n" + BODY, None),
        (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "malformed_request"),
        (b"GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n", "malformed_request"),
        (b"GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n", "malformed_request"),
        (b"GET HTTP://b?a/ HTTP/1.1\r\nHost: a\r\n\r\n", "malformed_request"),
    ],
)
async def test_of_two_readings_none_is_chosen(port: int, attack: bytes, code: str | None) -> None:
    for answers in await told_split(port, HELLO + attack, range(1, len(HELLO + attack), 7)):
        assert [one.status for one in answers] == [200, 400]
        assert answers[-1].code in ([code] if code else ["malformed_request", "duplicate_header"])


@pytest.mark.parametrize("target", [b"http://a/last", b"HTTP://A/last"])
async def test_a_target_with_the_host_s_own_name_is_taken(port: int, target: bytes) -> None:
    (only,) = await told(port, LAST.replace(b"/last", target, 1))
    assert json.loads(only.body)["path"] == "/last"


async def test_one_transfer_coding_is_taken_in_any_case(port: int) -> None:
    answers = await told(port, POST + b"transfer-encoding:  Chunked\r\n" + BODY + LAST)
    assert [json.loads(one.body)["body"] for one in answers] == ["hi", ""]


class Counting(BoundedHttpProtocol):
    """Remembers how many requests have waited at once."""

    waited_max: ClassVar[int] = 0

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        type(self).waited_max = max(self.waited_max, len(self.pipeline))


@pytest.mark.parametrize("count", [1, PIPELINED_MAX + 1, 10_000])
async def test_pipelined_requests_are_all_answered_and_few_of_them_wait(count: int) -> None:
    Counting.waited_max = 0
    async with serving(echo, Counting) as port:
        answers = await told(port, HELLO * count + LAST)
    paths = [json.loads(one.body)["path"] for one in answers]
    assert paths == ["/hello"] * count + ["/last"]
    assert Counting.waited_max <= PIPELINED_MAX + SLICE_REQUESTS_MAX


async def test_what_waits_behind_a_slow_answer_is_not_parsed() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        asked.set()
        await go.wait()
        await echo(scope, receive, send)

    Counting.waited_max = 0
    async with serving(slow, Counting) as port, Connection(port) as connection:
        sending = asyncio.create_task(connection.send(HELLO * 5_000 + LAST))
        await asked.wait()
        go.set()
        answers = await connection.answers()
        await sending
    assert len(answers) == 5_001
    assert Counting.waited_max <= PIPELINED_MAX + SLICE_REQUESTS_MAX
