"""Brings one cell of the matrix about: a step, a fault, and what is seen right after it."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import faults
from app.db import in_transaction
from app.errors import DomainError, Unavailable
from app.faults import Moment, Spot, Step
from tests.faults.outcomes import Fault, Reply
from tests.faults.scenarios import SCENARIOS, Caller, Scenario
from tests.faults.world import World, until
from tests.faults.zygote import Zygote
from tests.support.clock_jumps import jump_clock
from tests.support.jobs import ATTEMPT_S
from tests.support.proxy import Proxy

REFUSALS_ENDLESS = 10**6
REPLY_MAX_S = 60
REFUSALS_OUTLASTING = 6
"""More than one call of `in_transaction` makes: whoever still waits has begun another."""

_SQLSTATES = {
    Fault.DEADLOCK: "40P01",
    Fault.SERIALIZATION: "40001",
    Fault.LOCK_TIMEOUT: "55P03",
    Fault.READ_ONLY: "25006",
    Fault.DISK_FULL: "53100",
    Fault.CUT_SHORT: "57014",
}

_MOMENTS = {
    Fault.RAISE_AFTER: Moment.AFTER_COMMIT,
    Fault.KILL_AFTER: Moment.AFTER_COMMIT,
    Fault.KILL_BEGIN: Moment.BEGIN,
    Fault.FULL: Moment.BEGIN,
    Fault.AWAY: Moment.BEGIN,
}

Happening = Callable[[AsyncConnection], Awaitable[None]]


class Injected(Exception):
    """Nobody expects it."""


@dataclass(frozen=True)
class Seen:
    """What the caller was told, and the state that the fault left behind."""

    reply: Reply
    left: str


@dataclass
class Armed:
    """A fault point that goes off once, the first time it is reached."""

    point: str
    happening: Happening
    world: World

    async def __call__(self, point: str, connection: Any) -> None:
        if point == self.point and not self.world.fired.is_set() and self.world.is_ready():
            self.world.fired.set()
            await self.happening(connection)


@dataclass
class Cell:
    """One step under one fault."""

    step: Step | Spot
    fault: Fault
    world: World
    proxy: Proxy
    zygote: Zygote
    thaws: list[asyncio.Event] = field(default_factory=list)
    """What hung when its caller went away, and goes on when the fault is gone."""

    @property
    def scenario(self) -> Scenario:
        return SCENARIOS[self.step]

    @property
    def point(self) -> str:
        if isinstance(self.step, Spot):
            return self.step
        return f"{self.step}.{_MOMENTS.get(self.fault, Moment.BEFORE_COMMIT)}"

    async def run(self) -> Seen:
        """Arranges, acts while the fault is armed, and looks."""
        for arrange in self.scenario.arrange:
            await arrange(self.world)
        reply = await self._act()
        return Seen(reply, await self.scenario.look(self.world))

    async def heal(self) -> None:
        """The fault is gone: callers repeat what they did not get, workers and sweeps go on."""
        for thaw in self.thaws:
            thaw.set()
        self.proxy.refusals = 0
        if self.fault in {Fault.FULL, Fault.AWAY}:
            await in_transaction(_touch)
        if self.scenario.caller is not Caller.WORKER:
            with suppress(DomainError):  # A repeat may learn that it was done before.
                await self.scenario.act(self.world)
        await self.world.finish()
        await until(lambda: not _flushing())

    async def _act(self) -> Reply:
        if self.fault in {Fault.KILL_BEGIN, Fault.KILL, Fault.KILL_AFTER}:
            await self.zygote.kill_at(self.step, self.point, self.world.address)
            await self._learn_job()
            return Reply.KILLED
        thaw = asyncio.Event()
        faults.hook = Armed(self.point, self._happening(thaw), self.world)
        try:
            acting = asyncio.create_task(self.scenario.act(self.world))
            if self.fault is Fault.HANG:
                return await self._hang(acting, thaw)
            if self.fault is Fault.AWAY:
                await until(lambda: acting.done() or self.proxy.refused >= REFUSALS_OUTLASTING)
                self.proxy.refusals = 0
            reply = await _reply(acting)
        finally:
            faults.hook = None
        assert self.world.fired.is_set(), f"{self.point} was not reached"
        return reply

    def _happening(self, thaw: asyncio.Event) -> Happening:
        async def happen(connection: AsyncConnection) -> None:
            match self.fault:
                case Fault.RAISE | Fault.RAISE_AFTER:
                    raise Injected
                case Fault.HANG:
                    await thaw.wait()
                case Fault.CUT:
                    self.proxy.commits_to_drop = 1
                case Fault.CUT_AFTER:
                    self.proxy.commits_to_cut = 1
                case Fault.FULL | Fault.AWAY:
                    self.proxy.refusals = 1 if self.fault is Fault.FULL else REFUSALS_ENDLESS
                    self.proxy.cut()
                case _:
                    await connection.execute(text(_raising(_SQLSTATES[self.fault])))

        return happen

    async def _hang(self, acting: "asyncio.Task[Any]", thaw: asyncio.Event) -> Reply:
        """A client goes away; what hangs in a worker or a sweep is overtaken, then goes on."""
        await self.world.fired.wait()
        if self.scenario.caller is Caller.CLIENT:
            acting.cancel()
            reply = await _reply(acting)
            await self._end_idle_transactions()  # One that was shared with others goes on.
            self.thaws.append(thaw)
            return reply
        if isinstance(self.step, Spot):
            jump_clock(ATTEMPT_S)
            return await _reply(acting)
        frozen = await self._end_idle_transactions()
        assert frozen or self.step in COMMIT_THEMSELVES, "nothing was frozen"
        await self.world.finish()
        overtaken = await self.world.fingerprint()
        thaw.set()
        reply = await _reply(acting)
        assert await self.world.fingerprint() == overtaken, "the frozen one wrote"
        return reply

    async def _end_idle_transactions(self) -> int:
        """As the server does by idle_in_transaction_session_timeout; how many there were."""
        return len(await self.world.sql.fetch(f"SELECT pg_terminate_backend(pid, 10000) {_IDLE}"))

    async def _learn_job(self) -> None:
        """The child that was killed may have opened the user's job."""
        job_id = await self.world.sql.fetchval(
            "SELECT id FROM jobs WHERE user_id = $1", self.world.user_id
        )
        self.world.job_id = job_id or self.world.job_id


def _flushing() -> bool:
    """Whether a group commit is under way."""
    return any("GroupCommit._flush_all" in repr(task.get_coro()) for task in asyncio.all_tasks())


async def _reply(acting: "asyncio.Task[Any]") -> Reply:
    try:
        async with asyncio.timeout(REPLY_MAX_S):
            await asyncio.wait({acting})
        acting.result()
    except asyncio.CancelledError:
        return Reply.GIVEN_UP
    except Unavailable:
        return Reply.UNAVAILABLE
    except (Injected, DomainError):
        return Reply.ERROR
    return Reply.DONE


async def _touch(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT 1"))


def _raising(sqlstate: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{sqlstate}'; END $$"


COMMIT_THEMSELVES = frozenset({Step.PREPARE, Step.RENEW, Step.NOTE_SENT, Step.STORE, Step.REQUEUE})
"""Single statements: they are frozen before they are sent, without a transaction."""

_IDLE = """
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND state LIKE 'idle in transaction%'
"""
