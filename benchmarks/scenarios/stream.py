"""Two thousand listeners on one API process: from the commit to the event at the client."""

import asyncio
import os
import time
from bisect import bisect_left
from typing import Any

import asyncpg
from redis.asyncio import Redis

from app.jobs.leases import Claim, LeaseTimes, claim_jobs
from app.jobs.models import InsightState
from app.jobs.notifications import Notifications
from app.jobs.results import InsightResult, store_results
from benchmarks import machine
from benchmarks.api import running_api
from benchmarks.bench import Bench, Row
from benchmarks.listening import Arrivals, listeners
from benchmarks.services import product_engine
from benchmarks.throughput import percentiles_ms, seeded_jobs

LISTENERS = 2_000
SPARE_FILES = 200
EVENTS_S = 200
PACED_S, PACED_S_IF_QUICK = 6.0, 4.0
BURST_BATCH = 500
SETTLE_S = 3.0
SEALED_BYTES = 900
TIMES = LeaseTimes(lease_s=90, attempt_s=110)

Commit = tuple[int, int, float]
"""(number of the job, its version, when the commit had returned)"""


async def run(bench: Bench) -> dict[str, Any]:
    """Changes at a steady pace, then a change of every job at once."""
    count = LISTENERS // bench.less
    machine.require_open_files(count + SPARE_FILES)
    async with bench.services.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            jobs = await seeded_jobs(connection, bench.services, count)
            await connection.execute("UPDATE jobs SET next_run_at = clock_timestamp()")
        finally:
            await connection.close()
        async with (
            product_engine(database_url),
            running_api(bench.services, database_url) as api,
            Redis.from_url(bench.services.redis_url) as redis,
        ):
            claims = await _claimed(jobs)
            before_mb = machine.pss_mb([api.process.pid])
            async with listeners(
                api, [(each.user_id, each.job_id) for each in claims]
            ) as listening:
                driver = _Driver(claims, Notifications(redis))
                with_mb = machine.pss_mb([api.process.pid])
                cpu_before = machine.cpu_s([api.process.pid])
                paced = await driver.pace(PACED_S_IF_QUICK if bench.quick else PACED_S)
                cpu_s = machine.cpu_s([api.process.pid]) - cpu_before
                burst = await driver.burst()
                await asyncio.sleep(SETTLE_S)
                arrivals = await listening()
    rows = [
        {"changes": f"{EVENTS_S} a second", "listeners": count, **_latency(paced, arrivals)},
        {"changes": "of every job at once", "listeners": count, **_latency(burst, arrivals)},
    ]
    rows[0]["api_cpu_ms_event"] = 1000 * cpu_s / len(paced)
    if before_mb and with_mb:
        rows[0]["kb_a_listener"] = 1024 * (with_mb - before_mb) / count
    for row in rows:
        bench.say(f"{count} listeners, {row['changes']}: p99 {row['p99_ms']:.1f} ms")
    return {"about": "From the return of the commit to the event at the client.", "rows": rows}


async def _claimed(jobs: list[Any]) -> list[Claim]:
    claims: list[Claim] = []
    for start in range(0, len(jobs), BURST_BATCH):
        claimed = await claim_jobs(jobs[start : start + BURST_BATCH], TIMES)
        claims += [claim for claim in claimed if claim is not None]
    return claims


class _Driver:
    """Stores results as a worker does, and notes when each commit had returned."""

    def __init__(self, claims: list[Claim], notifications: Notifications) -> None:
        self._claims = claims
        self._notifications = notifications
        self._stored = [0] * len(claims)

    async def pace(self, seconds: float) -> list[Commit]:
        """One result at a time, spread evenly, over one job after another."""
        commits: list[Commit] = []
        started = time.monotonic()
        while time.monotonic() < started + seconds:
            sent = len(commits)
            await asyncio.sleep(max(0.0, started + sent / EVENTS_S - time.monotonic()))
            commits += await self._store([sent % len(self._claims)])
        return commits

    async def burst(self) -> list[Commit]:
        """A result of every job, in as few transactions as a busy worker needs."""
        commits: list[Commit] = []
        for start in range(0, len(self._claims), BURST_BATCH):
            numbers = range(start, min(start + BURST_BATCH, len(self._claims)))
            commits += await self._store(list(numbers))
        await self._notifications.close()
        return commits

    async def _store(self, numbers: list[int]) -> list[Commit]:
        stored = await store_results([self._result(number) for number in numbers])
        at = time.monotonic()
        assert all(stored), "the leases are held throughout"
        self._notifications.changed(self._claims[number].job_id for number in numbers)
        for number in numbers:
            self._stored[number] += 1
        # A job starts at version 1; its claim and each result are one more.
        return [(number, 2 + self._stored[number], at) for number in numbers]

    def _result(self, number: int) -> InsightResult:
        return InsightResult(
            self._claims[number].held,
            self._stored[number] + 1,
            InsightState.COMPLETED,
            attempts=1,
            duration_ms=1000,
            sealed=os.urandom(SEALED_BYTES),  # Not opened: the job does not succeed here.
        )


def _latency(commits: list[Commit], arrivals: Arrivals) -> Row:
    """How long until a listener had the change, in its own version or a later one."""
    of_job: dict[int, list[tuple[int, float]]] = {}
    for number, version, at in arrivals:
        of_job.setdefault(number, []).append((version, at))
    waits: list[float] = []
    for number, version, at in commits:
        seen = of_job.get(number, [])
        place = bisect_left(seen, (version, 0.0))
        if place < len(seen):
            waits.append(max(0.0, seen[place][1] - at))
    return {"events": len(commits), "missed": len(commits) - len(waits), **percentiles_ms(waits)}
