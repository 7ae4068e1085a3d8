"""Attacks on the HTTP parser, over sockets: whole, pipelined, and split in every place."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from app.api.http_protocol import LINGER_BYTES_MAX, BoundedHttpProtocol
from app.api.problems import HEAD_BYTES_MAX
from tests.support.raw_http import (
    HELLO,
    Answer,
    Connection,
    answer,
    echo,
    hasty,
    reached,
    serving,
    told,
    told_split,
)

LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST /chunked HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
TRAILED = CHUNKED + b"2\r\nhi\r\n0\r\nAuthorization: Bearer x\r\nX-Late: 1\r\n\r\n"
AUTHORIZED_TWICE = (
    b"GET /twice HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\nauthorization: Bearer y\r\n\r\n"
)
HOSTS = b"GET /twice HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
LENGTHS = b"POST /twice HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi"
BOTH_LENGTHS = CHUNKED[:-2] + b"Content-Length: 3\r\n\r\n0\r\n\r\n"
NO_REQUEST = b"\x16\x03\x01 not at all\r\n\r\n"
BAD_CHUNK = CHUNKED + b"2\r\nhi\r\nzz\r\n"
NO_HOST = b"GET / HTTP/1.1\r\nX: y\r\n\r\n"
EMPTY_HOST = b"GET / HTTP/1.1\r\nHost:\r\n\r\n"
BLANK_HOST = b"GET http://a/ HTTP/1.1\r\nHost:  \t\r\n\r\n"
NO_NAME = b"GET / HTTP/1.1\r\nHost: a@b/c\r\n\r\n"
BAD_TARGET = b"GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"


class Impatient(BoundedHttpProtocol):
    head_s_max = 0.3


@pytest.fixture
async def port() -> AsyncGenerator[int]:
    async with serving(echo) as port:
        yield port


@pytest.fixture
async def impatient_port() -> AsyncGenerator[int]:
    async with serving(echo, Impatient) as port:
        yield port


def outcome(answers: list[Answer]) -> list[tuple[int, str]]:
    """Of each answer the status, and the path it is for or the code of the refusal."""
    return [
        (one.status, json.loads(one.body)["path"] if one.status == 200 else one.code)
        for one in answers
    ]


def padded(size: int) -> bytes:
    """A request whose head has about so many bytes."""
    return LAST[:-2] + b"X-Padding: " + b"x" * (size - len(LAST) - 13) + b"\r\n\r\n"


@pytest.mark.parametrize("before", [b"", HELLO, TRAILED], ids=["alone", "pipelined", "trailed"])
@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (AUTHORIZED_TWICE, "duplicate_header"),
        (HOSTS, "duplicate_header"),
        (LENGTHS, "malformed_request"),
        (BOTH_LENGTHS, "malformed_request"),
        (NO_REQUEST, "malformed_request"),
        (BAD_CHUNK, "malformed_request"),
        (BAD_TARGET, "malformed_request"),
        (NO_HOST, "malformed_request"),
        (EMPTY_HOST, "malformed_request"),
        (BLANK_HOST, "malformed_request"),
        (NO_NAME, "malformed_request"),
    ],
    ids=[
        *("tokens", "hosts", "lengths", "both", "noise", "chunk", "target"),
        *("no host", "empty host", "blank host", "no name"),
    ],
)
async def test_what_is_ambiguous_is_refused_wherever_it_is_split(
    port: int, before: bytes, attack: bytes, code: str
) -> None:
    sent = before + attack
    earlier = {b"": [], HELLO: [(200, "/hello")], TRAILED: [(200, "/chunked")]}[before]
    for answers in await told_split(port, sent, range(1, len(sent))):
        assert outcome(answers) == [*earlier, (400, code)]
        refused = answers[-1].headers
        assert refused["connection"] == "close"
        assert refused["x-content-type-options"] == "nosniff"
        assert refused["x-request-id"]


@pytest.mark.parametrize(
    "host", ["a:80", "a.example.org", "[::1]:8000", "127.0.0.1", "a:", "xn--bcher-kva.example"]
)
async def test_every_form_of_a_host_is_taken(port: int, host: str) -> None:
    sent = LAST.replace(b"Host: a", b"Host: " + host.encode())
    assert outcome(await told(port, sent)) == [(200, "/last")]


async def test_before_http_1_1_a_request_needs_no_host(port: int) -> None:
    assert outcome(await told(port, b"GET /old HTTP/1.0\r\n\r\n")) == [(200, "/old")]


async def test_trailers_never_become_headers_wherever_they_are_split(port: int) -> None:
    sent = TRAILED + LAST
    for answers in await told_split(port, sent, range(1, len(sent))):
        first, second = (json.loads(one.body) for one in answers)
        assert (first["path"], first["body"]) == ("/chunked", "hi")
        assert first["names"] == ["host", "transfer-encoding"]
        assert (second["path"], second["names"]) == ("/last", ["host", "connection"])


async def test_pipelined_requests_are_answered_in_order_wherever_they_are_split(port: int) -> None:
    sent = HELLO + TRAILED + HELLO + LAST
    expected = [(200, path) for path in ("/hello", "/chunked", "/hello", "/last")]
    for answers in await told_split(port, sent, range(1, len(sent))):
        assert outcome(answers) == expected


@pytest.mark.parametrize("piece", [999, 4096, 70_000])
async def test_a_head_up_to_the_limit_is_read(port: int, piece: int) -> None:
    sent = padded(HEAD_BYTES_MAX - 100)
    pieces = [sent[start : start + piece] for start in range(0, len(sent), piece)]
    assert outcome(await told(port, *pieces)) == [(200, "/last")]


@pytest.mark.parametrize("piece", [999, 4096, 70_000])
@pytest.mark.parametrize("before", [b"", HELLO, TRAILED])
async def test_a_larger_head_is_refused(port: int, before: bytes, piece: int) -> None:
    sent = before + padded(HEAD_BYTES_MAX + 200)
    pieces = [sent[start : start + piece] for start in range(0, len(sent), piece)]
    answers = outcome(await told(port, *pieces))
    assert answers[-1] == (431, "headers_too_large")
    assert [status for status, _ in answers[:-1]] == [200] * bool(before)


@pytest.mark.parametrize(
    "endless",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX-",
        b"GET / HTTP/1.1\r\nX-Endless: ",
        CHUNKED + b"2\r\nhi\r\n0\r\nX-Endless: ",
        CHUNKED + b"2;ext=",
    ],
    ids=["target", "name", "value", "trailer", "extension"],
)
async def test_what_never_ends_is_refused_and_then_cut(port: int, endless: bytes) -> None:
    async with Connection(port) as connection:
        sent = 0
        assert await connection.send(endless, b"x" * 2 * HEAD_BYTES_MAX)
        answer = await connection.answer()
        assert answer is not None
        assert (answer.status, answer.code) == (431, "headers_too_large")
        while await connection.send(b"x" * 100_000):
            sent += 100_000
            await reached(port)
        assert sent <= LINGER_BYTES_MAX + 10_000_000  # What sockets hold on the way.


async def test_many_short_headers_are_no_way_around_the_limit(port: int) -> None:
    sent = LAST[:-2] + b"a:b\r\n" * (HEAD_BYTES_MAX // 5) + b"\r\n"
    assert outcome(await told(port, sent)) == [(431, "headers_too_large")]


async def test_a_large_body_is_no_head(port: int) -> None:
    body = b"y" * 300_000
    head = b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert outcome(await told(port, head + body + LAST)) == [(200, "/body"), (200, "/last")]
    chunks = b"".join(b"1\r\ny\r\n" for _ in range(20_000)) + b"0\r\n\r\n"
    assert outcome(await told(port, CHUNKED + chunks + LAST)) == [
        (200, "/chunked"),
        (200, "/last"),
    ]


async def test_an_upgrade_to_another_protocol_is_not_made(port: int) -> None:
    asked = (
        b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        b"\x81\x05hello"
    )
    for answers in await told_split(port, asked, range(1, len(asked))):
        assert outcome(answers) == [(200, "/socket")]


@pytest.mark.parametrize("half", [b"G", b"GET / HTTP/1.1\r\nHo", b"GET / HTTP/1.1\r\nHost: a\r\n"])
@pytest.mark.parametrize("before", [b"", HELLO])
async def test_a_half_sent_head_is_given_up(
    impatient_port: int, before: bytes, half: bytes
) -> None:
    answers = outcome(await told(impatient_port, before + half))
    assert answers == [(200, "/hello")] * bool(before) + [(408, "request_timeout")]


async def test_a_head_that_comes_byte_by_byte_is_given_up(impatient_port: int) -> None:
    async with Connection(impatient_port) as connection:
        await connection.send(b"GET / HTTP/1.1\r\nX-Slow: ")
        while await connection.send(b"x"):
            await reached(impatient_port)
        # The answer may be lost to the reset; that the connection ended is what counts.


async def test_a_connection_that_sends_nothing_is_closed(impatient_port: int) -> None:
    assert await told(impatient_port) == []
    assert await told(impatient_port, b"\r\n\r\n") == []


async def test_six_hundred_slow_connections_do_not_stand(impatient_port: int) -> None:
    answers = await asyncio.gather(
        *(told(impatient_port, b"GET / HTTP/1.1\r\nX-Slow: ") for _ in range(600))
    )
    assert {tuple(outcome(each)) for each in answers} == {((408, "request_timeout"),)}
    await reached(impatient_port)


async def test_the_rest_of_a_body_that_is_answered_already_is_not_waited_for() -> None:
    async with serving(hasty, Impatient) as port:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
        assert [one.status for one in await told(port, head)] == [200]


async def test_a_request_may_take_longer_than_its_head() -> None:
    release = asyncio.Event()

    async def patient(scope: object, receive: object, send: object) -> None:
        await release.wait()
        await echo(scope, receive, send)

    async with serving(patient, Impatient) as port, Connection(port) as connection:
        await connection.send(HELLO + LAST)
        assert await told(port) == []  # The time for a head is over.
        release.set()
        assert outcome(await connection.answers()) == [(200, "/hello"), (200, "/last")]


class Lost(BoundedHttpProtocol):
    """Cuts unread answers soon; tells when its one connection has ended."""

    write_s_max = 0.3
    ended: ClassVar[asyncio.Event]
    unread: ClassVar[list[int]]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.set()

    def _cut_unread(self) -> None:
        self.unread.append(self.transport.get_write_buffer_size())
        super()._cut_unread()


MEGABYTE = b"m" * 1_000_000


async def endless(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not Lost.ended.is_set():
        await send({"type": "http.response.body", "body": MEGABYTE, "more_body": True})


async def whole(_scope: Any, _receive: Any, send: Any) -> None:
    await answer(send, MEGABYTE * 20)


@pytest.fixture
def lost() -> type[Lost]:
    Lost.ended, Lost.unread = asyncio.Event(), []
    return Lost


@pytest.mark.parametrize("asked", [HELLO, LAST, HELLO + HELLO, HELLO + NO_REQUEST])
@pytest.mark.parametrize("app", [endless, whole], ids=["stream", "whole"])
async def test_a_client_that_does_not_read_its_answer_is_cut_off(
    lost: type[Lost], app: Any, asked: bytes
) -> None:
    async with serving(app, lost) as port, stubborn(port, asked):
        await lost.ended.wait()
    assert lost.unread
    assert max(lost.unread) <= 20 * len(MEGABYTE) + 1_000
    if app is endless:
        assert max(lost.unread) <= 2 * len(MEGABYTE)  # One message beyond what made it wait.


async def test_a_client_that_reads_gets_all_of_a_large_answer(lost: type[Lost]) -> None:
    async with serving(whole, lost) as port, Connection(port) as connection:
        await connection.send(LAST)
        answered = await connection.answer()
    assert answered is not None
    assert answered.body == MEGABYTE * 20


@asynccontextmanager
async def stubborn(port: int, sent: bytes) -> AsyncGenerator[None]:
    """A client that sends, and reads nothing."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(sent)
        yield
