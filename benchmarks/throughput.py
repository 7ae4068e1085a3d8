"""One measurement of a contestant: so many queued jobs, from the wake-up to the last one's end."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import asyncpg

from benchmarks import machine
from benchmarks.contestant import Contestant, Job, Load
from benchmarks.seed import SMALL_CHAT, encoded_chat, release_jobs, seed_chats, seed_jobs
from benchmarks.services import Services, violations

POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant, how many jobs it gets, and when it is stopped whatever it has done."""

    contestant: Contestant
    jobs: int
    seconds_max: float


@dataclass
class Peak:
    memory_mb: float = 0.0
    connections: int = 0


async def measure(services: Services, entry: Entry, load: Load) -> dict[str, Any]:
    """Throughput, latency, cost and the invariants, on a database of its own."""
    contestant = entry.contestant
    async with services.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            jobs = await seeded_jobs(connection, services, entry.jobs)
            try:
                contestant.start(
                    database_url=database_url,
                    redis_url=services.redis_url,
                    master_key=services.master_key,
                    load=load,
                )
                measured = await _run(services, entry, connection, jobs)
            finally:
                await asyncio.to_thread(contestant.stop)
        finally:
            await connection.close()
        return measured | {"violations": await violations(database_url)}


async def seeded_jobs(
    connection: asyncpg.Connection, services: Services, count: int, *, messages: int = SMALL_CHAT
) -> list[Job]:
    chats = await seed_chats(connection, services.master_key, encoded_chat(messages), users=count)
    return await seed_jobs(connection, chats)


async def _run(
    services: Services, entry: Entry, connection: asyncpg.Connection, jobs: Sequence[Job]
) -> dict[str, Any]:
    pids = entry.contestant.pids()
    idle_mb = machine.pss_mb(pids)
    cpu_before = machine.cpu_s(pids)
    postgres_before = machine.cpu_s(machine.family(services.postgres_pid))
    released_at = await release_jobs(connection, jobs)
    entry.contestant.enqueue(jobs)
    peak = await _wait(connection, entry)
    pids = entry.contestant.pids()
    cpu_s = machine.cpu_s(pids) - cpu_before
    postgres_s = machine.cpu_s(machine.family(services.postgres_pid)) - postgres_before
    ended = await connection.fetch(_ENDED)
    if not ended:
        return {"contestant": entry.contestant.name, "jobs": len(jobs), "ended": 0, "jobs_s": 0.0}
    seconds = (ended[-1]["finished_at"] - released_at).total_seconds()
    waits = sorted((row["finished_at"] - released_at).total_seconds() for row in ended)
    return {
        "contestant": entry.contestant.name,
        "jobs": len(jobs),
        "ended": len(ended),
        "failed": sum(row["state"] != "succeeded" for row in ended),
        "seconds": seconds,
        "jobs_s": len(ended) / seconds,
        **percentiles_ms(waits),
        "cpu_ms_job": 1000 * cpu_s / len(ended),
        "postgres_cpu_ms_job": 1000 * postgres_s / len(ended),
        "idle_mb": idle_mb,
        "peak_mb": peak.memory_mb,
        "connections": peak.connections,
        "processes": len(pids),
    }


async def _wait(connection: asyncpg.Connection, entry: Entry) -> Peak:
    """Returns when every job has ended, or at the entry's limit."""
    peak = Peak()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + entry.seconds_max
    while loop.time() < deadline:
        row = await connection.fetchrow(_LEFT)
        peak.connections = max(peak.connections, row["connections"])
        peak.memory_mb = max(peak.memory_mb, machine.pss_mb(entry.contestant.pids()) or 0.0)
        if not row["is_work_left"]:
            break
        await asyncio.sleep(POLL_S)
    return peak


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest of at least one value, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 99
    shown = {"p50_ms": cuts[49], "p95_ms": cuts[94], "p99_ms": cuts[98], "max_ms": max(seconds)}
    return {name: 1000 * value for name, value in shown.items()}


_LEFT = """
    SELECT EXISTS (SELECT FROM jobs WHERE finished_at IS NULL) AS is_work_left,
           (SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
              AND backend_type = 'client backend')::int AS connections
"""

_ENDED = """
    SELECT state, finished_at FROM jobs WHERE finished_at IS NOT NULL ORDER BY finished_at
"""
