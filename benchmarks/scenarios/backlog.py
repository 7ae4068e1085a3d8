"""A long queue: a claim and rescue's queries must cost what they cost with a short one."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from app.insights.claim import LeaseTimes, Requeue, claim_jobs, requeue_jobs
from app.insights.rescue import end_abandoned_jobs, find_due_jobs
from benchmarks.bench import Bench, Row, spread
from benchmarks.contestant import Job
from benchmarks.seed import EXPIRES_S, copy_chat, encoded_chat, release_jobs, seed_chats, seed_jobs
from benchmarks.services import product_engine

SHORT, LONG, LONG_IF_QUICK = 100, 100_000, 20_000
CALLS = 40
BATCH = 50
ROOM = SHORT
"""As many rows as the short queue has: more would measure what is fetched, not how it is found."""
MESSAGES = 24
UNHEARD_S = 1.5
TIMES = LeaseTimes(lease_s=45, attempt_s=110)
JOBS_AT_ONCE = 10_000


async def run(bench: Bench) -> dict[str, Any]:
    """The product's own statements, in milliseconds, with few and with many jobs waiting."""
    rows = [await _measure(bench, SHORT)]
    rows.append(await _measure(bench, LONG_IF_QUICK if bench.quick else LONG))
    return {
        "about": f"A claim of one job, one of {BATCH}, and rescue's two queries with room for"
        f" {ROOM}; medians of {CALLS} calls.",
        "short": rows[0],
        "long": rows[1],
        "rows": rows,
    }


async def _measure(bench: Bench, waiting: int) -> Row:
    async with bench.services.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            jobs = await _fill(connection, bench, waiting)
        finally:
            await connection.close()
        async with product_engine(database_url):
            row = {
                "waiting": waiting,
                "claim_one_ms": await _times(lambda n: _claim_and_return(jobs[n % SHORT :][:1])),
                "claim_batch_ms": await _times(lambda _: _claim_and_return(jobs[:BATCH])),
                "find_due_ms": await _times(lambda _: find_due_jobs(ROOM, expires_s=EXPIRES_S)),
                "abandoned_ms": await _times(lambda _: end_abandoned_jobs()),
            }
    bench.say(f"{waiting:,} waiting: claim {row['claim_one_ms']['median']:.2f} ms")
    return row


async def _fill(connection: asyncpg.Connection, bench: Bench, waiting: int) -> list[Job]:
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


async def _claim_and_return(jobs: list[Job]) -> None:
    claims = await claim_jobs(jobs, TIMES)
    held = [claim.held for claim in claims if claim is not None]
    assert len(held) == len(jobs), "every job was due"
    await requeue_jobs([Requeue(lease, 0.0, give_back=True) for lease in held])


async def _times(call: Callable[[int], Awaitable[object]]) -> Any:
    """Of calls whose rows have been written since the checkpoint: the next ones log them whole."""
    for number in range(CALLS):
        await call(number)
    taken: list[float] = []
    for number in range(CALLS):
        started = time.perf_counter()
        await call(number)
        taken.append(1000 * (time.perf_counter() - started))
    return spread(taken)
