"""A stand-in for the model's provider: real HTTP, slow, unreliable, sometimes silent."""

import asyncio
import json
import random
from contextlib import suppress

LATENCY_MIN_S, LATENCY_MAX_S = 0.05, 0.8
HANG_S = 20.0

# What an answer comes to, and how often; the rest are good.
SHORT_WAIT, LONG_WAIT, ERROR, HANG, WRONG = 0.02, 0.001, 0.006, 0.004, 0.006

# Of 256 jobs so many have an insight that is never written: it is asked for again soon, so that
# the attempts are used up, or late, so that the reservation expires first.
FAILING, EXPIRING = 6, 4
HOPELESS_ORD = 3


class Provider:
    """Answers POST requests on loopback; what it does is drawn from the seed, call by call."""

    def __init__(self, seed: int) -> None:
        self._drawn = random.Random(f"provider:{seed}")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._stopped = asyncio.Event()
        self.port = 0
        self.asked = 0
        self.is_reliable = False

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._stopped.set()
        for writer in list(self._open):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not self._stopped.is_set():
                    head = await reader.readuntil(b"\r\n\r\n")
                    call = json.loads(await reader.readexactly(_length(head)))
                    self.asked += 1
                    writer.write(await self._answer(call["job"], call["ord"]))
                    await writer.drain()
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _answer(self, job: str, ord_: int) -> bytes:
        drawn = self._drawn
        await self._pause(drawn.uniform(LATENCY_MIN_S, LATENCY_MAX_S))
        good = {"summary": "Two people write to each other.", "evidence": [1]}
        if self.is_reliable:
            return _response(200, good)
        fate = int(job[:2], 16)
        if ord_ == HOPELESS_ORD and fate < FAILING:
            return _response(429, {}, retry_after=0.2)
        if ord_ == HOPELESS_ORD and fate < FAILING + EXPIRING:
            return _response(500, {})
        chance = drawn.random()
        if (chance := chance - SHORT_WAIT) < 0:
            return _response(429, {}, retry_after=round(drawn.uniform(0.1, 1.0), 2))
        if (chance := chance - LONG_WAIT) < 0:
            return _response(429, {}, retry_after=20)
        if (chance := chance - ERROR) < 0:
            return _response(500, {})
        if (chance := chance - HANG) < 0:
            await self._pause(HANG_S)
        if (chance := chance - WRONG) < 0:
            return _response(200, good | {"evidence": [10**6]})
        return _response(200, good)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0


def _response(status: int, body: dict[str, object], *, retry_after: float | None = None) -> bytes:
    content = json.dumps(body).encode()
    wait = "" if retry_after is None else f"retry-after: {retry_after}\r\n"
    head = (
        f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n{wait}"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
