"""Waiting for a contestant's jobs to end."""

import asyncio
from collections.abc import Sequence

import asyncpg

from benchmarks.contestant import Contestant, Job, Load
from tests.support.environment import MASTER_KEY

DEADLINE_S = 60.0
POLL_S = 0.05


async def run_to_the_end(
    contestant: Contestant,
    connection: asyncpg.Connection,
    jobs: Sequence[Job],
    *,
    database_url: str,
    redis_url: str,
    load: Load,
) -> None:
    """Starts the contestant, gives it the jobs, stops it when all have ended."""
    try:
        await asyncio.to_thread(
            contestant.start,
            database_url=database_url,
            redis_url=redis_url,
            master_key=MASTER_KEY,
            load=load,
        )
        assert contestant.pids()
        await asyncio.to_thread(contestant.enqueue, jobs)
        async with asyncio.timeout(DEADLINE_S):
            while await connection.fetchval(_LEFT):  # noqa: ASYNC110 (other processes end them)
                await asyncio.sleep(POLL_S)
    finally:
        await asyncio.to_thread(contestant.stop)


_LEFT = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"
