"""A transaction left open under full load: what its snapshot keeps from being cleaned costs.

Dead versions of rows and index entries stay while an older snapshot could see them. A queue that
looks for its work in an index walks over them, and loses a third within minutes.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from app.catalog.categories import CATEGORIES
from app.jobs.leases import LeaseTimes, Requeue, claim_jobs, requeue_jobs
from benchmarks import roster
from benchmarks.contestant import Contestant, Job, Load
from benchmarks.seed import encoded_chat, release_jobs, seed_chats, seed_jobs
from benchmarks.services import Services, product_engine, violations
from benchmarks.throughput import Cost, percentiles_ms

LOAD = Load(llm_s=0.0, llm_spread_s=0.0, seed=6)
MESSAGES = 24
ALL = tuple(CATEGORIES.values())
COINS = sum(category.price_coins for category in ALL)
USERS_A_CHUNK = 25
QUEUED = 3_000
"""Jobs that wait at any moment: over a second's work, as the server's counters are that late."""
POLL_S = 0.1
PROBES_S = 20
PROBE_DELAY_S = 900.0
TIMES = LeaseTimes(lease_s=45, attempt_s=110)
WARM_UP_S = 4.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Seconds before the transaction is opened, seconds it is open, and of a window compared."""

    before_s: float
    held_s: float
    window_s: float


@dataclass(frozen=True, slots=True)
class Window:
    """What lies between two moments of the database's clock."""

    name: str
    begin: datetime
    end: datetime
    claims_s: Sequence[float]
    waiting_min: int
    cpu_s: float
    updates: int
    hot_updates: int
    dead: int


async def measure_held(services: Services, plan: Plan) -> list[dict[str, Any]]:
    """Rows of three windows: before, and the first and the last one with the transaction open."""
    async with services.database() as database_url, _connections(database_url, 4) as opened:
        feeding, monitor, prober, holder = opened
        contestant = roster.product(services, tasks=roster.OVERHEAD_IN_FLIGHT)
        feed = Feed(services, feeding, contestant)
        seconds = WARM_UP_S + plan.before_s + plan.held_s + 2 * plan.window_s
        probes = await feed.unlocked("probe", users=1 + int(PROBES_S * seconds / len(ALL)))
        try:
            contestant.start(
                database_url=database_url,
                redis_url=services.redis_url,
                master_key=services.master_key,
                load=LOAD,
            )
            async with product_engine(database_url):
                windows = await _watched(feed, Watch(monitor, feed), prober, holder, probes, plan)
            rows = [await _row(monitor, window) for window in windows]
        finally:
            await asyncio.to_thread(contestant.stop)
        found = await violations(database_url)
    return [row | {"violations": found} for row in rows]


class Feed:
    """Keeps jobs waiting: new users, each with a chat and a job of every category."""

    def __init__(
        self, services: Services, connection: asyncpg.Connection, contestant: Contestant
    ) -> None:
        self._services = services
        self._connection = connection
        self._contestant = contestant
        self._chunks = self._sent = self._entries = 0
        self.waiting_min = 0
        """The fewest jobs that waited since it was set: the load was full if it is not near 0."""

    async def keep_full(self) -> None:
        """Until it is cancelled."""
        while True:
            while await self._waiting() < QUEUED:
                self._chunks += 1
                jobs = await self.unlocked(f"feed-{self._chunks}")
                await release_jobs(self._connection, jobs)
                self._contestant.enqueue(jobs)
                self._sent += len(jobs)
            await asyncio.sleep(POLL_S)

    async def unlocked(self, prefix: str, *, users: int = USERS_A_CHUNK) -> list[Job]:
        """Jobs of new users, not due before they are released."""
        connection, master_key = self._connection, self._services.master_key
        chat = encoded_chat(MESSAGES)
        chats = await seed_chats(
            connection, master_key, chat, users=users, coins=COINS, prefix=prefix
        )
        jobs = [job for each in ALL for job in await seed_jobs(connection, chats, each)]
        self._entries += len(chats) + len(jobs)  # A grant, and reservations.
        return jobs

    async def _waiting(self) -> int:
        """What was sent and not charged: counted without looking at the tables under load."""
        await self._connection.execute("SELECT pg_stat_force_next_flush()")
        written = await self._connection.fetchval(_ENTRIES)
        waiting = self._sent - max(0, written - self._entries)
        self.waiting_min = min(self.waiting_min, waiting)
        return waiting

    def cost(self) -> Cost:
        """Of the worker and the servers, up to now; PostgreSQL's part holds that of the feed."""
        return Cost.now(self._services, self._contestant.pids())


class Watch:
    """Windows of the run, one at a time."""

    def __init__(self, connection: asyncpg.Connection, feed: Feed) -> None:
        self._connection = connection
        self._feed = feed
        self._claims_s: list[float] = []

    async def window(self, name: str, seconds: float) -> Window:
        self._claims_s = []
        self._feed.waiting_min = QUEUED
        cost = self._feed.cost()
        before = await self._connection.fetchrow(_COUNTERS)
        await asyncio.sleep(seconds)
        after = await self._connection.fetchrow(_COUNTERS)
        spent = self._feed.cost()
        return Window(
            name,
            before["at"],
            after["at"],
            self._claims_s,
            waiting_min=self._feed.waiting_min,
            cpu_s=spent.worker_s + spent.postgres_s - cost.worker_s - cost.postgres_s,
            updates=after["updates"] - before["updates"],
            hot_updates=after["hot"] - before["hot"],
            dead=after["dead"],
        )

    async def probe(self, connection: asyncpg.Connection, jobs: Sequence[Job]) -> None:
        """Claims one job after another by the product's own statement, and gives it back."""
        for job in jobs:
            await release_jobs(connection, [job])
            started = time.perf_counter()
            [claim] = await claim_jobs([job], TIMES)
            self._claims_s.append(time.perf_counter() - started)
            if claim is not None:
                await requeue_jobs([Requeue(claim.held, PROBE_DELAY_S, give_back=True)])
            await asyncio.sleep(1 / PROBES_S)


async def _watched(
    feed: Feed,
    watch: Watch,
    prober: asyncpg.Connection,
    holder: asyncpg.Connection,
    probes: Sequence[Job],
    plan: Plan,
) -> list[Window]:
    async with asyncio.TaskGroup() as tasks:
        feeding = tasks.create_task(feed.keep_full())
        await asyncio.sleep(WARM_UP_S)
        probing = tasks.create_task(watch.probe(prober, probes))
        await asyncio.sleep(plan.before_s - plan.window_s)
        windows = [await watch.window("no transaction open", plan.window_s)]
        async with holder.transaction(isolation="repeatable_read"):
            await holder.fetchval("SELECT count(*) FROM sweeps")  # Takes the snapshot.
            windows.append(await watch.window("open, the first of it", plan.window_s))
            await asyncio.sleep(max(0.0, plan.held_s - 2 * plan.window_s))
            windows.append(await watch.window(f"open for {_long(plan.held_s)}", plan.window_s))
        feeding.cancel()
        probing.cancel()
    return windows


async def _row(connection: asyncpg.Connection, window: Window) -> dict[str, Any]:
    done = await connection.fetchrow(_DONE, window.begin, window.end)
    seconds = (window.end - window.begin).total_seconds()
    shown = percentiles_ms(window.claims_s)
    return {
        "transaction": window.name,
        "jobs_s": done["jobs"] / seconds,
        "failed": done["failed"],
        "waiting_min": window.waiting_min,
        "worker_and_postgres_ms_job": 1000 * window.cpu_s / max(done["jobs"], 1),
        "claims": len(window.claims_s),
        "claim_p50_ms": shown["p50_ms"],
        "claim_p99_ms": shown["p99_ms"],
        "hot_share": window.hot_updates / max(window.updates, 1),
        "dead_rows": window.dead,
    }


def _long(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 120 else f"{seconds:g} s"


@asynccontextmanager
async def _connections(database_url: str, count: int) -> AsyncGenerator[list[asyncpg.Connection]]:
    async with AsyncExitStack() as stack:
        opened = [await asyncpg.connect(database_url) for _ in range(count)]
        for connection in opened:
            stack.push_async_callback(connection.close)
        yield opened


_ENTRIES = """
    SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'entries'
"""

_COUNTERS = """
    SELECT clock_timestamp() AS at, n_tup_upd AS updates, n_tup_hot_upd AS hot, n_dead_tup AS dead
    FROM pg_stat_user_tables WHERE relname = 'jobs'
"""

_DONE = """
    SELECT count(*) AS jobs, count(*) FILTER (WHERE state <> 'succeeded') AS failed
    FROM jobs WHERE finished_at >= $1 AND finished_at < $2
"""
