"""One user, one chat, one job: what a step of the engine is tried on.

A world can be opened again in a child process from its `address`. What it observes it reads on
a connection of its own, around the engine and around every fault.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import SecretStr
from redis.asyncio import Redis

from app.crypto import KeyRing
from app.generation.model.generator import ModelGenerator
from app.ids import new_id
from app.jobs.engine import JobEngine
from app.jobs.leases import LeaseTimes
from app.jobs.notifications import Notifications
from app.jobs.preparer import Preparer
from app.jobs.rescue import end_abandoned_jobs, find_due_jobs
from app.jobs.sweeps import cleanup_expired_reservations, retry_payment
from app.settings import Settings
from tests.support.environment import AUTH_SECRET, MASTER_KEY
from tests.support.jobs import ATTEMPT_S, ScriptedGenerator

ROUNDS_MAX = 6
EMPTY_ORDS = frozenset({2, 5})


@dataclass
class Shared:
    """A database for many worlds: to make one takes longer than all that happens in it."""

    url: str = ""
    is_clean: bool = False
    """Whether the last test left nothing unfinished: it says so at its end."""


@dataclass(frozen=True)
class Address:
    """Where a world is, in words that another process understands."""

    database_url: str
    redis_url: str
    user_id: str
    chat_id: str
    job_id: str


@dataclass
class World:
    database_url: str
    redis: Redis
    sql: asyncpg.Connection
    user_id: str
    chat_id: UUID = field(default_factory=new_id)
    job_id: UUID = field(default_factory=new_id)
    heartbeat_s: float = 15
    generator: ScriptedGenerator | ModelGenerator = field(default_factory=lambda: scripted())
    is_ready: Callable[[], bool] = lambda: True
    """The fault waits for this: until then its point is passed by."""
    fired: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the fault under test has happened, or its step has gone through."""

    @property
    def address(self) -> Address:
        redis_db = self.redis.connection_pool.connection_kwargs
        url = "redis://:{password}@{host}:{port}/{db}".format(**redis_db)
        return Address(self.database_url, url, self.user_id, str(self.chat_id), str(self.job_id))

    @property
    def keyring(self) -> KeyRing:
        settings = Settings(
            database_url=self.database_url,
            redis_url="redis://",
            master_key=SecretStr(MASTER_KEY),
            auth_secret=SecretStr(AUTH_SECRET),
        )
        return KeyRing(settings.master_keys)

    async def run_job(self) -> None:
        """A worker of its own hears a wake-up for the job."""
        engine = self.engine(heartbeat_s=self.heartbeat_s)
        try:
            await engine.run_job(self.user_id, self.job_id)
        finally:
            await engine.drain()

    def engine(self, *, heartbeat_s: float = 15) -> JobEngine:
        engine = JobEngine(
            generator=self.generator,
            preparer=Preparer(self.keyring, processes=1, waiting_max=100),
            keyring=self.keyring,
            notifications=Notifications(self.redis),
            times=LeaseTimes(45, ATTEMPT_S),
            heartbeat_s=heartbeat_s,
        )
        engine.start()
        return engine

    async def finish(self) -> None:
        """Leases run out, waits pass; a healthy worker, rescue and the sweeps do the rest."""
        self.generator = scripted()
        self.heartbeat_s = 15
        await self.sql.execute("ALTER TABLE entries DROP CONSTRAINT IF EXISTS no_captures")
        for _ in range(ROUNDS_MAX):
            if not await self.sql.fetchval(_ACTIVE, self.user_id):
                return
            await self.sql.execute(_TIME_PASSES, self.user_id)
            await cleanup_expired_reservations()
            await retry_payment()
            await end_abandoned_jobs()
            if (self.user_id, self.job_id) in await find_due_jobs(100, expires_s=3600):
                await self.run_job()

    async def job(self) -> Any:
        return await self.sql.fetchrow(_JOB, self.user_id, self.job_id)

    async def job_state(self) -> str:
        job = await self.job()
        return "no job" if job is None else job["state"]

    async def entries(self) -> Counter[str]:
        """How often each kind of entry stands in the user's ledger, the signup aside."""
        rows = await self.sql.fetch(_KINDS, self.user_id)
        return Counter(row["kind"] for row in rows)

    async def fingerprint(self) -> str:
        """Everything about the user's money and job; equal when nothing was written."""
        return await self.sql.fetchval(_FINGERPRINT, self.user_id)


def scripted() -> ScriptedGenerator:
    """It has nothing to say about two of six insights: every job is charged in part."""
    return ScriptedGenerator(empty=EMPTY_ORDS)


async def open_world(address: Address) -> World:
    """The same world, in this process."""
    return World(
        address.database_url,
        Redis.from_url(address.redis_url),
        await asyncpg.connect(address.database_url),
        address.user_id,
        UUID(address.chat_id),
        UUID(address.job_id),
    )


def as_json(address: Address) -> dict[str, str]:
    return asdict(address)


async def until(condition: Callable[[], bool], *, deadline_s: float = 60) -> None:
    """Returns once `condition` holds; fails after `deadline_s`."""
    async with asyncio.timeout(deadline_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


_ACTIVE = """
    SELECT count(*) FROM jobs WHERE user_id = $1 AND state IN ('queued', 'running', 'settling')
"""

_TIME_PASSES = """
    UPDATE jobs SET
        lease_until = CASE WHEN state = 'running' THEN clock_timestamp() - interval '1 s' END,
        next_run_at = CASE WHEN state IN ('queued', 'settling')
                           THEN clock_timestamp() - interval '3 s' END
    WHERE user_id = $1 AND state IN ('queued', 'running', 'settling')
"""

_JOB = """
    SELECT j.*, (SELECT count(*) FROM insights n WHERE n.user_id = j.user_id AND n.job_id = j.id
                 AND n.state IN ('completed', 'empty')) AS done
    FROM jobs j WHERE j.user_id = $1 AND j.id = $2
"""

_KINDS = """
    SELECT kind FROM (TABLE entries UNION ALL TABLE archived_entries) e
    WHERE user_id = $1 AND op_key <> 'signup'
"""

_FINGERPRINT = """
    SELECT concat_ws('|',
        (SELECT array_agg(e.*::text ORDER BY seq) FROM entries e WHERE user_id = $1),
        (SELECT array_agg(r.*::text ORDER BY id) FROM reservations r WHERE user_id = $1),
        (SELECT array_agg(j.*::text ORDER BY id) FROM jobs j WHERE user_id = $1),
        (SELECT array_agg(n.*::text ORDER BY ord) FROM insights n WHERE user_id = $1))
"""
