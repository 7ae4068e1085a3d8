"""An open loop: jobs arrive at a rate, whether or not those before have ended.

A job's latency counts from the moment it was due: if the sender is late, that is the contestant's
loss too. Arrivals are drawn by lot (a Poisson process), as those of many users are.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import asyncpg

from app.catalog.categories import CATEGORIES
from benchmarks.contestant import Contestant, Job, Load
from benchmarks.model import StubModel
from benchmarks.seed import Work, release_jobs, seed_work
from benchmarks.services import Services, violations
from benchmarks.throughput import Cost, Peak, percentiles_ms

POLL_S = 0.1
DRAIN_S_MAX = 45.0
WARM_UP_JOBS = 12


@dataclass(frozen=True, slots=True)
class Phase:
    """So many jobs a second for so long, and what to call it."""

    load: str
    rate_s: float
    seconds: float

    @property
    def jobs(self) -> int:
        return max(1, round(self.rate_s * self.seconds))


async def arriving(
    services: Services, contestant: Contestant, load: Load, work: Work, phases: Sequence[Phase]
) -> list[dict[str, Any]]:
    """A row for each phase, one after the other on one database, each begun with nothing queued."""
    async with services.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            count = WARM_UP_JOBS + sum(phase.jobs for phase in phases)
            jobs = iter(await seed_work(connection, services.master_key, work, jobs=count))
            try:
                contestant.start(
                    database_url=database_url,
                    redis_url=services.redis_url,
                    master_key=services.master_key,
                    load=load,
                )
                warm_up = Phase("warm-up", WARM_UP_JOBS, 1)
                rows = [
                    await _Run(services, contestant, connection, load).phase(
                        one, [next(jobs) for _ in range(one.jobs)]
                    )
                    for one in (warm_up, *phases)
                ]
            finally:
                await asyncio.to_thread(contestant.stop)
        finally:
            await connection.close()
        found = await violations(database_url)
    return [row | {"violations": found} for row in rows[1:]]


@dataclass
class _Run:
    services: Services
    contestant: Contestant
    connection: asyncpg.Connection
    load: Load

    async def phase(self, phase: Phase, jobs: Sequence[Job]) -> dict[str, Any]:
        before = Cost.now(self.services, self.contestant.pids())
        peak = Peak()
        due = await self._send(phase, jobs, peak)
        await self._drain(peak)
        cost = Cost.now(self.services, self.contestant.pids())
        ended = await self.connection.fetch(_ENDED, [job_id for _, job_id in jobs])
        row: dict[str, Any] = {
            "contestant": self.contestant.name,
            "load": phase.load,
            "rate_s": phase.rate_s,
            "jobs": len(jobs),
            "ended": len(ended),
            "failed": sum(one["state"] != "succeeded" for one in ended),
        }
        if len(ended) < len(jobs):
            return row | {"invalid": f"{len(jobs) - len(ended)} of {len(jobs)} jobs did not end"}
        waits = [(one["finished_at"] - due[one["id"]]).total_seconds() for one in ended]
        seconds = (ended[-1]["finished_at"] - min(due.values())).total_seconds()
        added = [wait - self._slowest_s(one) for wait, one in zip(waits, ended, strict=True)]
        shown = percentiles_ms(added)
        return row | {
            **percentiles_ms(waits),
            "added_p50_ms": shown["p50_ms"],
            "added_p99_ms": shown["p99_ms"],
            **cost.of_a_job(before, len(jobs)),
            "peak_mb": peak.memory_mb,
            "in_flight": (in_flight := sum(waits) / seconds),
            "mb_in_flight": peak.memory_mb / max(in_flight, 1.0),
            "connections": peak.connections,
        }

    async def _send(self, phase: Phase, jobs: Sequence[Job], peak: Peak) -> dict[Any, datetime]:
        """Sends each job when it is due; when that was, by the database's clock."""
        lot = Random(phase.load)
        offset, offsets = 0.0, []
        for _ in jobs:
            offset += lot.expovariate(phase.rate_s)
            offsets.append(offset)
        started_at = await self.connection.fetchval("SELECT clock_timestamp()")
        started = time.monotonic()
        sent = 0
        while sent < len(jobs):
            await asyncio.sleep(max(0.0, started + offsets[sent] - time.monotonic()))
            passed = time.monotonic() - started
            now = sent + sum(each <= passed for each in offsets[sent : sent + 1_000])
            if now > sent:
                await release_jobs(self.connection, jobs[sent:now])
                await asyncio.to_thread(self.contestant.enqueue, jobs[sent:now])
                sent = now
            await self._look(peak)
        return {
            job_id: started_at + timedelta(seconds=each)
            for (_, job_id), each in zip(jobs, offsets, strict=True)
        }

    async def _drain(self, peak: Peak) -> None:
        deadline = time.monotonic() + DRAIN_S_MAX
        while time.monotonic() < deadline and await self.connection.fetchval(_IS_WORK_LEFT):
            await self._look(peak)
            await asyncio.sleep(POLL_S)

    _looked: float = 0.0

    async def _look(self, peak: Peak) -> None:
        if time.monotonic() >= self._looked + POLL_S:
            peak.see(self.contestant.pids(), await self.connection.fetchval(_CONNECTIONS))
            self._looked = time.monotonic()

    def _slowest_s(self, job: asyncpg.Record) -> float:
        """What the job had to wait for in any design: the context's wait, and its slowest call."""
        model = StubModel(self.load)
        specs = CATEGORIES[job["category"]].insights
        return max(model.latency_s(job["id"], spec.key) for spec in specs)


_IS_WORK_LEFT = """
    SELECT EXISTS (
        SELECT FROM jobs WHERE finished_at IS NULL
        AND (state <> 'queued' OR next_run_at < clock_timestamp() + interval '2 minutes')
    )
"""  # The others are not due before they are sent.

_CONNECTIONS = """
    SELECT count(*)::int FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type = 'client backend'
"""

_ENDED = """
    SELECT id, state, category, finished_at FROM jobs
    WHERE id = ANY($1::uuid[]) AND finished_at IS NOT NULL ORDER BY finished_at
"""
