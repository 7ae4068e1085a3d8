"""Outages of the network and of Redis: one at a time, each until every process serves again."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.chaos.fleet import Fleet
from tests.chaos.journal import read_journals
from tests.chaos.network import Line
from tests.chaos.plan import Fault, Strike
from tests.support.cluster_node import cluster_node
from tests.support.redis_outages import full, other_password, read_only

SILENT_MIN_S, SILENT_MAX_S = 4.0, 55.0
"""The longest outlasts the keepalive of a connection."""
SLOW_S = 2.0
OTHERWISE_MIN_S, OTHERWISE_MAX_S = 4.0, 15.0
SERVING_WAIT_S = 45.0
ASK_EVERY_S = 0.25
ANSWER_S, ANSWER_EVERY_S = 3.0, 1.0

Outage = Callable[[], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Lines:
    """What lies between the product and its servers."""

    database: Line
    redis: Line
    provider: Line

    async def open(self) -> None:
        for line in (self.database, self.redis, self.provider):
            await line.open()

    async def close(self) -> None:
        for line in (self.database, self.redis, self.provider):
            await line.close()


@dataclass(frozen=True, slots=True)
class Return:
    """How long after the end of an outage the last process served again."""

    fault: Fault
    seconds: float
    last: str


@dataclass
class Outages:
    lines: Lines
    redis_url: str
    fleet: Fleet
    journals: Path
    urls: list[str]
    returns: list[Return] = field(default_factory=list)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    """No user orders anything more: that a worker works can no longer be seen."""
    asked: int = 0
    unanswered: list[str] = field(default_factory=list)
    """Of /healthz, asked of every API once a second while an outage lasted."""
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def ways(self) -> Mapping[Fault, Callable[[Strike], Awaitable[bool]]]:
        lines = self.lines
        outages: Mapping[Fault, Outage] = {
            Fault.SILENT_REDIS: lambda: silent(lines.redis),
            Fault.SILENT_DATABASE: lambda: silent(lines.database),
            Fault.SILENT_PROVIDER: lambda: silent(lines.provider),
            Fault.FORGOTTEN_REDIS: lambda: forgotten(lines.redis),
            Fault.FORGOTTEN_DATABASE: lambda: forgotten(lines.database),
            Fault.FORGOTTEN_PROVIDER: lambda: forgotten(lines.provider),
            Fault.SLOW_REDIS: lambda: slow(lines.redis),
            Fault.SLOW_DATABASE: lambda: slow(lines.database),
            Fault.SLOW_PROVIDER: lambda: slow(lines.provider),
            Fault.REDIS_READ_ONLY: lambda: read_only(self.redis_url),
            Fault.REDIS_FULL: lambda: full(self.redis_url),
            Fault.REDIS_PASSWORD: lambda: other_password(self.redis_url),
            Fault.REDIS_MOVED: lambda: moved(lines.redis),
        }
        return {fault: self._way(outage) for fault, outage in outages.items()}

    def _way(self, outage: Outage) -> Callable[[Strike], Awaitable[bool]]:
        async def strike(strike: Strike) -> bool:
            if self._one.locked():
                return False
            async with self._one:
                async with outage():
                    await self._ask_meanwhile(strike)
                await self._note_return(strike.fault)
            return True

        return strike

    async def _ask_meanwhile(self, strike: Strike) -> None:
        """The event loop of every API goes on, whatever is away."""
        ends_at = time.monotonic() + _lasts_s(strike)
        async with httpx2.AsyncClient(timeout=ANSWER_S) as http:
            while time.monotonic() < ends_at:
                for url in self.urls:
                    self.asked += 1
                    try:
                        (await http.get(f"{url}/healthz")).raise_for_status()
                    except httpx2.HTTPError as error:
                        self.unanswered.append(f"{strike.fault}: {url}: {type(error).__name__}")
                await asyncio.sleep(ANSWER_EVERY_S)

    async def _note_return(self, fault: Fault) -> None:
        healed_at = time.monotonic()
        waiting = set(self.urls) | {f"worker {pid}" for pid in self.fleet.working()}
        last = ""
        async with httpx2.AsyncClient(timeout=2.0) as http:
            while waiting and time.monotonic() < healed_at + SERVING_WAIT_S:
                if self.is_over.is_set():
                    return
                for who in sorted(waiting):
                    if await self._serves(who, http, healed_at):
                        waiting.remove(who)
                        last = who
                await asyncio.sleep(ASK_EVERY_S)
        told = ", ".join(sorted(waiting)) or last
        self.returns.append(Return(fault, time.monotonic() - healed_at, told))

    async def _serves(self, who: str, http: httpx2.AsyncClient, since: float) -> bool:
        """An API is ready and has Redis; a worker has claimed a job, or is no more."""
        if who in self.urls:
            with suppress(httpx2.TransportError):
                answer = await http.get(f"{who}/readyz")
                return answer.is_success and answer.json()["redis"] == "ok"
            return False
        pid = int(who.rpartition(" ")[2])
        if pid not in self.fleet.working():
            return True
        return any(
            line["event"] == "claimed" and line["at"] > since
            for found, lines in read_journals(self.journals)
            if found == pid
            for line in lines
        )


def _lasts_s(strike: Strike) -> float:
    if strike.fault in _MOMENTS:
        return 0.0
    if strike.fault in _SILENCES:  # Most are short, some outlast every timeout there is.
        return SILENT_MIN_S + (SILENT_MAX_S - SILENT_MIN_S) * strike.size**2
    return OTHERWISE_MIN_S + (OTHERWISE_MAX_S - OTHERWISE_MIN_S) * strike.size


_SILENCES = frozenset((Fault.SILENT_REDIS, Fault.SILENT_DATABASE, Fault.SILENT_PROVIDER))
_MOMENTS = frozenset((Fault.FORGOTTEN_REDIS, Fault.FORGOTTEN_DATABASE, Fault.FORGOTTEN_PROVIDER))


@asynccontextmanager
async def silent(line: Line) -> AsyncGenerator[None]:
    await line.silence(is_silent=True)
    try:
        yield
    finally:
        await line.silence(is_silent=False)


@asynccontextmanager
async def forgotten(line: Line) -> AsyncGenerator[None]:
    line.forget()
    yield


@asynccontextmanager
async def slow(line: Line) -> AsyncGenerator[None]:
    line.delay_s = SLOW_S
    try:
        yield
    finally:
        line.delay_s = 0.0


@asynccontextmanager
async def moved(line: Line) -> AsyncGenerator[None]:
    """A node of a cluster that has none of the keys."""
    async with cluster_node() as place:
        line.lead_to(place)
        try:
            yield
        finally:
            line.lead_to(None)
