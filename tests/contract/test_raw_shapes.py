"""Bytes that are nearly HTTP, against the real API process: refused, never broken.

EXAMPLES in the environment asks for more of them: `make fuzz`.
"""

import asyncio
import os
import random
import re
import sys
from collections import Counter
from itertools import islice, pairwise

import httpx2
import pytest

from app.settings import Settings
from app.users.auth import issue_token
from tests.support.raw_http import Connection

EXAMPLES = int(os.environ.get("EXAMPLES", "1000"))
AT_ONCE = 500
"""Some of them stand until their time is over, all at once."""
CUTS_MAX = 4
BAD = 0.06
"""So often a part of a request is wrong."""
DEADLINE_S = 100
STATUS = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)

METHODS = [b"GET", b"POST", b"HEAD", b"OPTIONS"]
NO_METHODS = [b"CONNECT", b"PRI", b"get", b"", b"G\0"]
TARGETS = [
    b"/healthz", b"/api/chats", b"/api/insights/unlock", b"/api/chats?cursor=%7f", b"/%00", b"//",
    b"/" + b"a" * 5_000, b"http://a/healthz", b"/docs",
]  # fmt: skip
NO_TARGETS = [b"*", b"a:80", b"/\xff", b"/\x7f", b"", b"/ /", b"http://"]
VERSIONS = [b"HTTP/1.1", b"HTTP/1.0"]
NO_VERSIONS = [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.1 ", b"http/1.1", b""]
HEADERS = [
    b"X-Request-Id: \xff", b"Content-Type: application/json", b"Connection: close", b"Expect: x",
    b"Connection: keep-alive", b"Connection: Upgrade\r\nUpgrade: websocket", b"Upgrade: h2c",
    b"Expect: 100-continue", b"Host: b", b"Authorization: Bearer x", b"X:", b"Accept: */*",
]  # fmt: skip
NO_HEADERS = [
    b": empty", b"No colon", b" folded: x", b"X: a\nY: b", b"X: a\rY: b", b"X: \0", b"X\0: a",
    b"Content-Length: -1", b"Content-Length: 1e3", b"Content-Length: 99999999999999999999",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: gzip, chunked",
    b"Cookie: " + b"c" * 33_000,
]  # fmt: skip
BODIES = {
    b"Content-Length: 3": [b"{}!", b"{}", b"123"],
    b"Transfer-Encoding: chunked": [
        b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n0\r\nHost: b\r\n\r\n", b"0\r\n\r\n",
    ],
}  # fmt: skip
NO_BODIES = [
    b"ffffffffffffffffff\r\n", b"-1\r\n", b"3\r\nabcd\r\n", b"0\r\nX: " + b"y" * 40_000,
    b"3;" + b"x" * 40_000, b"\r\n\r\n\r\n",
]  # fmt: skip


def shape(chance: random.Random, token: bytes) -> bytes:
    """One to three requests in a row, in which here and there something is no HTTP."""

    def one_of(good: list[bytes], bad: list[bytes]) -> bytes:
        return chance.choice(bad if chance.random() < BAD else good)

    sent = b""
    for _ in range(chance.randint(1, 3)):
        parts = ((METHODS, NO_METHODS), (TARGETS, NO_TARGETS), (VERSIONS, NO_VERSIONS))
        lines = [b" ".join(one_of(*each) for each in parts), b"Host: a"]
        if chance.random() < 0.8:
            lines.append(b"Authorization: Bearer " + token)
        lines += [one_of(HEADERS, NO_HEADERS) for _ in range(chance.randint(0, 2))]
        body = b""
        if chance.random() < 0.4:
            told, bodies = chance.choice(list(BODIES.items()))
            lines.append(told)
            body = one_of(bodies, NO_BODIES)
        sent += one_of([b"\r\n"], [b"\n"]).join([*lines, b"", b""]) + body
    if chance.random() < BAD:
        place = chance.randrange(len(sent))
        sent = sent[:place] + bytes([chance.randrange(256)]) + sent[place + 1 :]
    return sent


async def statuses(port: int, pieces: list[bytes]) -> list[int]:
    """Of what is answered until the API ends the connection, as it must."""
    async with Connection(port) as connection:
        for piece in pieces:
            if not await connection.send(piece):
                break
        return [int(status) for status in STATUS.findall(await connection.everything())]


@pytest.mark.timeout(3_000)
async def test_no_bytes_break_the_api(api: httpx2.AsyncClient, settings: Settings) -> None:
    token = issue_token(settings, "alice", (), 36_000).encode()
    chance = random.Random(int(os.environ.get("SEED", "1")))
    port = api.base_url.port
    assert port is not None
    seen: Counter[int] = Counter()

    async def one(sent: bytes) -> None:
        cuts = sorted(chance.randrange(len(sent) + 1) for _ in range(chance.randint(0, CUTS_MAX)))
        edges = [0, *cuts, len(sent)]
        pieces = [sent[start:end] for start, end in pairwise(edges)]
        async with asyncio.timeout(DEADLINE_S):
            found = await statuses(port, pieces)
        # 503: the rest of a body did not come.
        assert all(status < 500 or status == 503 for status in found), sent
        seen.update(found)

    shapes = (shape(chance, token) for _ in range(EXAMPLES))
    while batch := list(islice(shapes, AT_ONCE)):
        await asyncio.gather(*map(one, batch))
    assert (await api.get("/healthz")).status_code == 200
    assert {200, 400, 401, 404, 405, 431} <= seen.keys()
    sys.stdout.write(f"{EXAMPLES} shapes: {dict(seen)}\n")
