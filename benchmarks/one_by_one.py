"""Jobs on an idle system, one after the other: what a design adds to its slowest call."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from benchmarks.contestant import Contestant, Load
from benchmarks.model import StubModel
from benchmarks.seed import CATEGORY, release_jobs
from benchmarks.services import Services, violations
from benchmarks.throughput import percentiles_ms, seeded_jobs

POLL_S = 0.01
JOB_S_MAX = 60.0


async def measure_one_by_one(
    services: Services,
    contestant: Contestant,
    load: Load,
    *,
    jobs: int,
    database_port: int | None = None,
) -> dict[str, Any]:
    """End to end minus the slowest call (and the wait for the context) of each job.

    Where a contestant makes its calls one after the other, that shows here as overhead.
    `database_port` leads the workers another way to the database, through a proxy.
    """
    model = StubModel(load)
    async with services.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            queued = await seeded_jobs(connection, services, jobs + 1)
            overheads: list[float] = []
            totals: list[float] = []
            try:
                contestant.start(
                    database_url=_through(database_url, database_port),
                    redis_url=services.redis_url,
                    master_key=services.master_key,
                    load=load,
                )
                for job in queued:
                    await release_jobs(connection, [job])
                    woken_at = await connection.fetchval("SELECT clock_timestamp()")
                    contestant.enqueue([job])
                    finished_at = await _finished_at(connection, job[1])
                    slowest = max(model.latency_s(job[1], spec.key) for spec in CATEGORY.insights)
                    totals.append((finished_at - woken_at).total_seconds())
                    overheads.append(totals[-1] - slowest)
            finally:
                await asyncio.to_thread(contestant.stop)
            failed = await connection.fetchval(_FAILED)
        finally:
            await connection.close()
        return {
            "contestant": contestant.name,
            "jobs": jobs,
            "failed": failed,
            "first_ms": 1000 * overheads[0],
            "end_to_end_p50_ms": percentiles_ms(totals[1:])["p50_ms"],
            **percentiles_ms(overheads[1:]),
            "violations": await violations(database_url),
        }


def _through(database_url: str, port: int | None) -> str:
    if port is None:
        return database_url
    parts = urlsplit(database_url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()


async def _finished_at(connection: asyncpg.Connection, job_id: object) -> Any:
    async with asyncio.timeout(JOB_S_MAX):
        while True:
            finished_at = await connection.fetchval(_FINISHED, job_id)
            if finished_at is not None:
                return finished_at
            await asyncio.sleep(POLL_S)


_FAILED = "SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL AND state <> 'succeeded'"
_FINISHED = "SELECT finished_at FROM jobs WHERE id = $1"
