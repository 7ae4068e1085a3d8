"""A long queue: a claim and rescue's queries must cost what they cost with a short one."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import asyncpg

from app.jobs.leases import LeaseTimes, Requeue, claim_jobs, requeue_jobs
from app.jobs.rescue import end_abandoned_jobs, find_due_jobs
from benchmarks.bench import Bench, Row, spread
from benchmarks.contestant import Job
from benchmarks.seed import EXPIRES_S, copy_chat, encoded_chat, release_jobs, seed_chats, seed_jobs
from benchmarks.services import product_engine

SHORT, LONG, LONG_IF_QUICK = 100, 100_000, 20_000
ROUNDS, CALLS = 3, 30
BATCH = 50
ROOM = SHORT
"""As many rows as the short queue has: more would measure what is fetched, not how it is found."""
MESSAGES = 24
UNHEARD_S = 1.5
"""After this, rescue sees what was given back."""
TIMES = LeaseTimes(lease_s=45, attempt_s=110)
JOBS_AT_ONCE = 10_000

Result = TypeVar("Result")


@dataclass
class Queue:
    """Waiting jobs in a database of their own, and how long calls took there, in milliseconds."""

    waiting: int
    database_url: str
    jobs: list[Job]
    taken: dict[str, list[float]] = field(default_factory=dict)

    def row(self) -> Row:
        return {"waiting": self.waiting} | {name: spread(ms) for name, ms in self.taken.items()}


async def run(bench: Bench) -> dict[str, Any]:
    """The product's own statements, in milliseconds, with few and with many jobs waiting.

    Both queues are there from the start and take turns, so that a slow moment of the machine hits
    both.
    """
    async with AsyncExitStack() as stack:
        queues = [
            await _fill(await stack.enter_async_context(bench.services.database()), bench, waiting)
            for waiting in (SHORT, LONG_IF_QUICK if bench.quick else LONG)
        ]
        for queue in queues:  # What is written first since the checkpoint is logged as whole pages.
            await _measure(queue)
            queue.taken.clear()
        for queue in ROUNDS * queues:
            await _measure(queue)
    rows = [queue.row() for queue in queues]
    for row in rows:
        bench.say(f"{row['waiting']:,} waiting: claim {row['claim_one_ms']['median']:.2f} ms")
    return {
        "about": f"A claim of one job, one of {BATCH}, and rescue's two queries with room for"
        f" {ROOM}; medians of {ROUNDS * CALLS} calls. The queues take turns.",
        "short": rows[0],
        "long": rows[1],
        "rows": rows,
    }


async def _measure(queue: Queue) -> None:
    async with product_engine(queue.database_url):
        for number in range(CALLS):
            await _claim_and_return(queue, "claim_one_ms", queue.jobs[number % SHORT :][:1])
            await _claim_and_return(queue, "claim_batch_ms", queue.jobs[:BATCH])
        await asyncio.sleep(UNHEARD_S)
        for _ in range(CALLS):
            await _timed(queue, "find_due_ms", find_due_jobs(ROOM, expires_s=EXPIRES_S))
            await _timed(queue, "abandoned_ms", end_abandoned_jobs())


async def _fill(database_url: str, bench: Bench, waiting: int) -> Queue:
    connection = await asyncpg.connect(database_url)
    try:
        return Queue(waiting, database_url, await _jobs(connection, bench, waiting))
    finally:
        await connection.close()


async def _jobs(connection: asyncpg.Connection, bench: Bench, waiting: int) -> list[Job]:
    chat = encoded_chat(MESSAGES)
    chats = await seed_chats(connection, bench.services.master_key, chat, users=SHORT)
    chats += await copy_chat(connection, chats[0], count=waiting - SHORT)
    jobs: list[Job] = []
    for start in range(0, waiting, JOBS_AT_ONCE):
        jobs += await seed_jobs(connection, chats[start : start + JOBS_AT_ONCE])
    await release_jobs(connection, jobs)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")  # What the filling left to write is not the queue's.
    await connection.execute("SELECT pg_sleep($1)", UNHEARD_S)
    return jobs


async def _claim_and_return(queue: Queue, name: str, jobs: list[Job]) -> None:
    claims = await _timed(queue, name, claim_jobs(jobs, TIMES))
    held = [claim.held for claim in claims if claim is not None]
    assert len(held) == len(jobs), "every job was due"
    await requeue_jobs([Requeue(lease, 0.0, give_back=True) for lease in held])


async def _timed(queue: Queue, name: str, call: Awaitable[Result]) -> Result:
    started = time.perf_counter()
    result = await call
    queue.taken.setdefault(name, []).append(1000 * (time.perf_counter() - started))
    return result
