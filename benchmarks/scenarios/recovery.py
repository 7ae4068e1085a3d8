"""What an accident costs: a killed worker's jobs, and unlocks while Redis is gone."""

import asyncio
import os
from signal import SIGKILL
from typing import Any

import asyncpg

from app.local.embedded.data_dir import LOOPBACK, free_port
from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row
from benchmarks.contestant import Job, Load
from benchmarks.seed import release_jobs
from benchmarks.throughput import percentiles_ms, seeded_jobs

LOAD = Load(llm_s=60.0, llm_spread_s=0.0, seed=SEED)
JOBS = 30
POLL_S = 0.05
RUNNING_S_MAX = 20.0
LEFT_OF_LEASE_S = 3
"""A killed worker's leases would run on for most of 45 s: they are cut to this, which is waiting
saved and nothing else.
"""
RECOVERED_S_MAX = 30.0


async def run(bench: Bench) -> dict[str, Any]:
    """Seconds from the end of a lease to the next attempt, and from an unlock to its start."""
    rows = [await _after_a_kill(bench), await _without_redis(bench)]
    for row in rows:
        bench.say(f"{row['accident']}: {row['max_s']:.1f} s at most")
    return {"about": f"{JOBS} jobs; every other setting as in production.", "rows": rows}


async def _after_a_kill(bench: Bench) -> Row:
    victim = roster.product(bench.services, tasks=JOBS)
    heir = roster.product(bench.services, tasks=JOBS)
    services = bench.services
    async with services.database() as database_url:
        connection = await asyncpg.connect(database_url)
        places = {
            "database_url": database_url,
            "redis_url": services.redis_url,
            "master_key": services.master_key,
            "load": LOAD,
        }
        try:
            jobs = await seeded_jobs(connection, services, JOBS)
            victim.start(**places)
            await release_jobs(connection, jobs)
            victim.enqueue(jobs)
            await _until(connection, _RUNNING, JOBS, RUNNING_S_MAX)
            heir.start(**places)
            for pid in victim.pids():
                os.kill(pid, SIGKILL)
            await connection.execute(_CUT_LEASES, LEFT_OF_LEASE_S)
            ended = {row["id"]: row["lease_until"] for row in await connection.fetch(_LEASES)}
            waits = await _waits_for_second_attempt(connection, ended)
        finally:
            await asyncio.to_thread(victim.stop)
            await asyncio.to_thread(heir.stop)
            await connection.close()
    return _row("worker killed: after the lease", waits)


async def _without_redis(bench: Bench) -> Row:
    worker = roster.product(bench.services, tasks=JOBS)
    services = bench.services
    async with services.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            jobs = await seeded_jobs(connection, services, JOBS)
            worker.start(
                database_url=database_url,
                redis_url=f"redis://{LOOPBACK}:{free_port()}/0",
                master_key=services.master_key,
                load=LOAD,
            )
            for job in jobs:  # Spread over more than one round of rescue.
                await release_jobs(connection, [job])
                await asyncio.sleep(0.2)
            await _until(connection, _RUNNING, JOBS, RECOVERED_S_MAX)
            waits = [row["wait_s"] for row in await connection.fetch(_START_WAITS)]
        finally:
            await asyncio.to_thread(worker.stop)
            await connection.close()
    return _row("Redis gone: after the unlock", waits)


async def _waits_for_second_attempt(
    connection: asyncpg.Connection, ended: dict[Job, Any]
) -> list[float]:
    waits: dict[Any, float] = {}
    async with asyncio.timeout(RECOVERED_S_MAX):
        while len(waits) < len(ended):
            for row in await connection.fetch(_AGAIN):
                since = (row["now"] - ended[row["id"]]).total_seconds()
                waits.setdefault(row["id"], since)
            await asyncio.sleep(POLL_S)
    return list(waits.values())


async def _until(
    connection: asyncpg.Connection, query: str, count: int, seconds_max: float
) -> None:
    async with asyncio.timeout(seconds_max):
        while True:
            if await connection.fetchval(query) >= count:
                return
            await asyncio.sleep(POLL_S)


def _row(accident: str, waits: list[float]) -> Row:
    shown = percentiles_ms(waits)
    return {
        "accident": accident,
        "jobs": len(waits),
        "p50_s": shown["p50_ms"] / 1000,
        "max_s": shown["max_ms"] / 1000,
    }


_RUNNING = "SELECT count(*) FROM jobs WHERE state = 'running'"
_CUT_LEASES = """
    UPDATE jobs SET lease_until = least(lease_until, clock_timestamp() + make_interval(secs => $1))
    WHERE state = 'running'
"""
_LEASES = "SELECT id, lease_until FROM jobs WHERE state = 'running'"
_AGAIN = "SELECT id, clock_timestamp() AS now FROM jobs WHERE attempt = 2"
_START_WAITS = """
    SELECT extract(epoch FROM started_at - created_at)::float8 AS wait_s
    FROM jobs WHERE started_at IS NOT NULL
"""
