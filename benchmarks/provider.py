"""A hundred jobs against a provider that takes a second: how near to what its limit allows?

python -m benchmarks.provider [--rounds 3] [--jobs 100]

Three real worker processes, the provider's stub in a process of its own (1 s ± 0.3 s a call), 60
calls at once allowed to all of them together. The ideal time is that of calls which follow each
other without a gap: calls / 60 × 1 s. Then once more with a worker killed on the way, for the
limit alone, and once without jobs, for the processor time of a call. What the stub counts as
under way includes calls whose caller was killed. Exit 1 when a call was one too many, an invariant
is violated or a job has not succeeded.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import urllib.request
from dataclasses import dataclass
from statistics import median
from typing import Any

import asyncpg
import uvloop

from app.jobs.models import INSIGHTS_PER_JOB
from benchmarks import machine
from benchmarks.bench import SEED
from benchmarks.contestant import Load
from benchmarks.provided import Provided, provider_stub
from benchmarks.provider_path import cpu_ms_of_a_call
from benchmarks.run import silence_libraries
from benchmarks.seed import release_jobs
from benchmarks.services import Services, services, violations
from benchmarks.throughput import seeded_jobs

LIMIT, LATENCY_S, SPREAD_S = 60, 1.0, 0.3
WORKERS, TASKS = 3, 100
RATIO_MAX, CPU_MS_MAX = 1.25, 3.0
KILL_AFTER_S = 3.0
LEASE_S = 6
"""Where a worker is killed: its jobs go on when that is over."""
PATH_CALLS = 600
JOBS_S_MAX = 120.0
POLL_S = 0.1
NO_LOAD = Load(llm_s=0, llm_spread_s=0, seed=SEED)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a round came to; `seconds` is None where a worker was killed."""

    seconds: float | None
    calls: int
    at_once: int
    cpu_ms_call: float
    succeeded: int
    violations: int


class LimitedWorkers(Provided):
    """Three worker processes that share a limit of calls."""

    def __init__(self, services: Services, base_url: str) -> None:
        super().__init__(services, base_url, tasks=TASKS, processes=WORKERS)
        self.variables |= {
            "SIXFOLD_LLM_CONCURRENCY": str(LIMIT),
            "SIXFOLD_LEASE_S": str(LEASE_S),
            "SIXFOLD_HEARTBEAT_S": str(LEASE_S / 3),
        }

    def kill_one(self) -> None:
        """SIGKILL to the process that worked most; the master, which works least, goes on."""
        os.kill(max(self.pids(), key=lambda pid: machine.cpu_s([pid])), signal.SIGKILL)


async def measure(servers: Services, *, jobs: int, kills: bool) -> Measured:
    """One round, on a database and with a stub of its own."""
    async with servers.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            queued = await seeded_jobs(connection, servers, jobs)
            with provider_stub(LATENCY_S, SPREAD_S) as base_url:
                workers = LimitedWorkers(servers, base_url)
                workers.start(
                    database_url=database_url,
                    redis_url=servers.redis_url,
                    master_key=servers.master_key,
                    load=NO_LOAD,
                )
                try:
                    before_s = machine.cpu_s(workers.pids())
                    started_at = await release_jobs(connection, queued)
                    workers.enqueue(queued)
                    if kills:
                        await asyncio.sleep(KILL_AFTER_S)
                        workers.kill_one()
                    await _until_ended(connection)
                    cpu_s = machine.cpu_s(workers.pids()) - before_s
                    stats = await asyncio.to_thread(_stats, base_url)
                finally:
                    await asyncio.to_thread(workers.stop)
            ended = await connection.fetchrow(_ENDED)
        finally:
            await connection.close()
        return Measured(
            seconds=None if kills else (ended["last"] - started_at).total_seconds(),
            calls=stats["calls"],
            at_once=stats["under_way_max"],
            cpu_ms_call=1000 * cpu_s / stats["calls"],
            succeeded=ended["succeeded"],
            violations=await violations(database_url),
        )


def _stats(base_url: str) -> dict[str, Any]:
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/stats") as answer:  # noqa: S310
        return json.load(answer)


async def _until_ended(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(JOBS_S_MAX):
        while True:
            if not await connection.fetchval(_IS_WORK_LEFT):
                return
            await asyncio.sleep(POLL_S)


def measure_path(servers: Services) -> float:
    """Processor time of a call in milliseconds, without a job around it."""
    with provider_stub(LATENCY_S, SPREAD_S) as base_url:
        return uvloop.run(cpu_ms_of_a_call(servers, base_url, calls=PATH_CALLS, limit=LIMIT))


def report(rounds: list[Measured], killed: Measured, *, path_ms: float, jobs: int) -> list[str]:
    """Prints what was measured against the targets; what must not be."""
    ideal_s = jobs * INSIGHTS_PER_JOB / LIMIT * LATENCY_S
    ratios = [one.seconds / ideal_s for one in rounds if one.seconds is not None]
    workers_ms = median(one.cpu_ms_call for one in rounds)
    at_once = max(one.at_once for one in [*rounds, killed])
    print(f"{jobs} jobs, {rounds[0].calls} calls of {LATENCY_S} ± {SPREAD_S} s, {WORKERS} workers")
    spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"  time / ideal          {median(ratios):.2f} {spread}, target ≤ {RATIO_MAX}")
    print(f"  CPU of a call         {path_ms:.2f} ms, target ≤ {CPU_MS_MAX}")
    print(f"  … with its job's part {workers_ms:.2f} ms of the workers")
    print(f"  calls at once         {at_once}, limit {LIMIT}; {killed.at_once} with one killed")
    wrong: list[str] = []
    if at_once > LIMIT:
        wrong.append(f"{at_once} calls at once")
    for one in [*rounds, killed]:
        if one.violations:
            wrong.append(f"{one.violations} rows violate an invariant")
        if one.succeeded < jobs:
            wrong.append(f"{jobs - one.succeeded} jobs have not succeeded")
    return wrong


async def _measure_all(
    servers: Services, given: argparse.Namespace
) -> tuple[list[Measured], Measured]:
    rounds = [await measure(servers, jobs=given.jobs, kills=False) for _ in range(given.rounds)]
    return rounds, await measure(servers, jobs=given.jobs, kills=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.provider", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=100)
    given = parser.parse_args()
    silence_libraries()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with services() as servers:
        rounds, killed = asyncio.run(_measure_all(servers, given))
        path_ms = measure_path(servers)
    wrong = report(rounds, killed, path_ms=path_ms, jobs=given.jobs)
    if wrong:
        sys.exit("; ".join(wrong))


_IS_WORK_LEFT = "SELECT EXISTS (SELECT FROM jobs WHERE finished_at IS NULL)"
_ENDED = """
    SELECT max(finished_at) AS last, count(*) FILTER (WHERE state = 'succeeded') AS succeeded
    FROM jobs
"""

if __name__ == "__main__":
    main()
