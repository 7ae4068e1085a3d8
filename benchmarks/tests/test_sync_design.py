import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest
from sqlalchemy import text

from app.database_pool import make_engine
from benchmarks.contestant import Job, Load
from benchmarks.sync_design import SyncDesign
from benchmarks.tests.ending import run_to_the_end

WAIT_S = 10.0


async def test_a_job_sent_twice_is_charged_once(
    connection: asyncpg.Connection,
    jobs: Sequence[Job],
    database_url: str,
    redis_url: str,
    load: Load,
):
    design = SyncDesign(pool="prefork", concurrency=1, bridge=False)
    await run_to_the_end(
        design,
        connection,
        [*jobs, *jobs],
        database_url=database_url,
        redis_url=redis_url,
        load=load,
    )
    charged = await connection.fetchval("SELECT count(*) FROM entries WHERE kind = 'capture'")
    assert charged == len(jobs)


async def test_an_engine_that_two_threads_bridge_to_fails_on_the_second_loop(database_url: str):
    """Why a pool of threads loses jobs by the bridge (see benchmarks/sync_design/README.md)."""
    engine = make_engine(database_url, pool_size=1)
    pooled, failed = threading.Event(), threading.Event()

    async def leave_a_connection_in_the_pool() -> None:
        async with engine.connect() as connection:
            fairy = await connection.get_raw_connection()
            bare = fairy.driver_connection
        pooled.set()
        await asyncio.to_thread(failed.wait, WAIT_S)
        bare.terminate()  # The pool has given it up, but only its own loop can close it.

    async def take_it_from_another_loop() -> None:
        await asyncio.to_thread(pooled.wait, WAIT_S)
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        finally:
            failed.set()

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(asyncio.run, leave_a_connection_in_the_pool())
        second = threads.submit(asyncio.run, take_it_from_another_loop())
        with pytest.raises(RuntimeError, match="attached to a different loop"):
            await asyncio.wrap_future(second)
        await asyncio.wrap_future(first)
