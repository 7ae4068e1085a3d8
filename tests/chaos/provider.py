"""A stand-in for the model's provider: real HTTP, slow, unreliable, sometimes silent."""

import asyncio
import json
import random
import time
from collections import defaultdict
from contextlib import suppress

from app.jobs.models import INSIGHTS_PER_JOB
from tests.chaos.plan import ATTEMPT_S, EXPIRES_S

LATENCY_MIN_S, LATENCY_MAX_S = 0.05, 0.8
HANG_S = 20.0
GOOD = b"HTTP/1.1 200 "

# What an answer comes to, and how often; the rest are good.
SHORT_WAIT, LONG_WAIT, ERROR, HANG, WRONG = 0.02, 0.001, 0.006, 0.004, 0.006

# Of 256 jobs so many have an insight that is not written: until the attempts are used up, until
# the reservation has expired, or until just about that moment.
FAILING, EXPIRING, LATE = 6, 16, 12
HOPELESS_ORD = 3
# A quarter of the jobs have two insights of six with nothing to say: they are charged in part.
EMPTY, EMPTY_ORDS = 64, (2, 5)
LATE_MIN_S, LATE_MAX_S = EXPIRES_S - 3, EXPIRES_S + 1
LATE_LATENCY_MAX_S = 2.5


class Provider:
    """Answers POST requests on loopback; what it does is drawn from the seed, call by call."""

    def __init__(self, seed: int) -> None:
        self._drawn = random.Random(f"provider:{seed}")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._stopped = asyncio.Event()
        self._asked_at: dict[str, float] = {}
        self._answered: defaultdict[str, set[int]] = defaultdict(set)
        self._written: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
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

    def written(self, job: str) -> asyncio.Event:
        """Set just before the last of the job's six insights is answered: it is settled next."""
        return self._written[job]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not self._stopped.is_set():
                    head = await reader.readuntil(b"\r\n\r\n")
                    call = json.loads(await reader.readexactly(_length(head)))
                    self.asked += 1
                    answer = await self._answer(call["job"], call["ord"])
                    self._note(call["job"], call["ord"], answer)
                    writer.write(answer)
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
        good: dict[str, object] = {"summary": "Two people write to each other.", "evidence": [1]}
        if int(job[2:4], 16) < EMPTY and ord_ in EMPTY_ORDS:
            good = {"nothing": True}
        if self.is_reliable:
            return _response(200, good)
        if ord_ == HOPELESS_ORD and (refused := await self._refusal(job)) is not None:
            return refused
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

    async def _refusal(self, job: str) -> bytes | None:
        """What the job's fate says to its hopeless insight; None when it may be written.

        A wait that outlasts the attempt gives the attempt back, so that only time ends such jobs.
        """
        age_s = time.monotonic() - self._asked_at.setdefault(job, time.monotonic())
        fate = int(job[:2], 16)
        if fate < FAILING:
            return _response(429, {}, retry_after=0.2)
        if (fate := fate - FAILING) < EXPIRING:
            return _response(429, {}, retry_after=ATTEMPT_S + 3)
        if (fate := fate - EXPIRING) < LATE:
            ready_s = LATE_MIN_S + (LATE_MAX_S - LATE_MIN_S) * fate / LATE
            if ready_s - age_s > 1:
                return _response(429, {}, retry_after=round(max(ATTEMPT_S, ready_s - age_s), 2))
            await self._pause(self._drawn.uniform(0, LATE_LATENCY_MAX_S))
        return None

    def _note(self, job: str, ord_: int, answer: bytes) -> None:
        if answer.startswith(GOOD):
            self._answered[job].add(ord_)
            if len(self._answered[job]) == INSIGHTS_PER_JOB:
                self._written[job].set()


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
