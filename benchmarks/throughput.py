"""One measurement of a contestant: so many queued jobs, from the wake-up to the last one's end."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Any, Self

import asyncpg

from benchmarks import machine
from benchmarks.contestant import Contestant, Job, Load
from benchmarks.seed import SMALL, Work, release_jobs, seed_work
from benchmarks.seeded import SeededDatabases
from benchmarks.services import Services, violations

POLL_S = 0.2
LOOKING_SHARE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant, how many jobs of which kind it gets, and when it is stopped in any case."""

    contestant: Contestant
    jobs: int
    seconds_max: float
    work: Work = SMALL


@dataclass
class Peak:
    """The most that was seen of both; looking at memory takes at most a fiftieth of the time."""

    memory_mb: float = 0.0
    connections: int = 0
    _look_at: float = 0.0

    def see(self, pids: Sequence[int], connections: int) -> None:
        self.connections = max(self.connections, connections)
        started = time.monotonic()
        if started >= self._look_at:
            self.memory_mb = max(self.memory_mb, machine.pss_mb(pids) or 0.0)
            ended = time.monotonic()
            self._look_at = ended + LOOKING_SHARE * (ended - started)


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds of the contestant and of the two servers, up to a moment."""

    worker_s: float
    postgres_s: float
    valkey_s: float

    @classmethod
    def now(cls, services: Services, pids: Sequence[int]) -> Self:
        return cls(
            machine.cpu_s(pids),
            machine.cpu_s(machine.family(services.postgres_pid)),
            machine.cpu_s([services.valkey_pid]),
        )

    def of_a_job(self, before: "Cost", jobs: int) -> dict[str, float]:
        """Milliseconds a job since `before`; the last is the sum with Valkey's part."""
        worker_s, postgres_s = self.worker_s - before.worker_s, self.postgres_s - before.postgres_s
        total_s = worker_s + postgres_s + self.valkey_s - before.valkey_s
        return {
            "cpu_ms_job": 1000 * worker_s / jobs,
            "postgres_cpu_ms_job": 1000 * postgres_s / jobs,
            "all_cpu_ms_job": 1000 * total_s / jobs,
        }


async def measure(
    services: Services, entry: Entry, load: Load, seeded: SeededDatabases | None = None
) -> dict[str, Any]:
    """Throughput, latency, cost and the invariants, on a database of its own."""
    contestant = entry.contestant
    seeded = seeded or SeededDatabases(services)
    async with seeded.database(entry.work, entry.jobs) as (database_url, jobs):
        connection = await asyncpg.connect(database_url)
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
            await connection.close()
        return measured | {"violations": await violations(database_url)}


async def seeded_jobs(connection: asyncpg.Connection, services: Services, count: int) -> list[Job]:
    """`count` queued jobs, each about a small chat of its own."""
    return await seed_work(connection, services.master_key, SMALL, jobs=count)


async def _run(
    services: Services, entry: Entry, connection: asyncpg.Connection, jobs: Sequence[Job]
) -> dict[str, Any]:
    contestant = entry.contestant
    idle_mb = machine.pss_mb(contestant.pids())
    before = Cost.now(services, contestant.pids())
    released_at = await release_jobs(connection, jobs)
    contestant.enqueue(jobs)
    peak = await _wait(connection, entry)
    cost = Cost.now(services, contestant.pids())
    ended = await connection.fetch(_ENDED)
    row: dict[str, Any] = {
        "contestant": contestant.name,
        "jobs": len(jobs),
        "ended": len(ended),
        "failed": sum(row["state"] != "succeeded" for row in ended),
    }
    if len(ended) < len(jobs):
        row["invalid"] = f"{len(jobs) - len(ended)} of {len(jobs)} jobs did not end"
    if not ended:
        return row
    waits = [(row["finished_at"] - released_at).total_seconds() for row in ended]
    return row | {
        "seconds": waits[-1],
        "jobs_s": len(ended) / waits[-1],
        **percentiles_ms(waits),
        **cost.of_a_job(before, len(ended)),
        "idle_mb": idle_mb,
        "peak_mb": peak.memory_mb,
        "connections": peak.connections,
        "processes": len(contestant.pids()),
    }


async def _wait(connection: asyncpg.Connection, entry: Entry) -> Peak:
    """Returns when every job has ended, or at the entry's limit."""
    peak = Peak()
    deadline = time.monotonic() + entry.seconds_max
    while time.monotonic() < deadline:
        row = await connection.fetchrow(_LEFT)
        peak.see(entry.contestant.pids(), row["connections"])
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
