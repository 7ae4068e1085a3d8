"""Where the time goes: a process of the product under load, by function.

python -m benchmarks.profile --what worker|chats|api|idle [--seconds 10] [--write]

`worker`: jobs with LLM 0, 64 in flight. `chats`: jobs on chats of 4,000 messages, LLM 1 s ± 0.5 s.
`api`: unlocks over 32 connections. `idle`: a worker that gets one job after another. `--write` puts
the tables into docs/performance.md.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from benchmarks import machine, roster
from benchmarks.api import running_api, unlocks
from benchmarks.contestant import Contestant, Job, Load
from benchmarks.http_load import Plan, run_plan
from benchmarks.pages import PERFORMANCE, fill
from benchmarks.sampling import Samples, sample, tables
from benchmarks.scenarios import chats
from benchmarks.seed import (
    CATEGORY,
    SMALL,
    SMALL_CHAT,
    Work,
    encoded_chat,
    release_jobs,
    seed_rows,
    seed_work,
)
from benchmarks.services import Services, services

SECONDS = 10.0
WARM_UP_S = 1.0
JOBS_S_MAX = 1_500
UNLOCKS_S_MAX = 3_500
CHATS_JOBS_S_MAX = 250
IDLE_JOBS_S_MAX = 60
CONNECTIONS = 32
POLL_S = 0.002
NO_WAIT = Load(llm_s=0.0, llm_spread_s=0.0, seed=6)


@dataclass(frozen=True, slots=True)
class Watched:
    """Jobs that a worker is watched with; `jobs_s_max` of them a second are more than it ends."""

    about: str
    tasks: int
    load: Load
    jobs_s_max: int
    work: Work = SMALL


@dataclass(frozen=True, slots=True)
class Profile:
    """What was seen, over how many units of work, and what they cost."""

    about: str
    samples: Samples
    units: int
    cpu_ms: float
    postgres_cpu_ms: float

    def to_markdown(self) -> str:
        return (
            f"{self.about}: {self.units:,} in the time watched; processor time of each:"
            f" {self.cpu_ms:.2f} ms in the process, {self.postgres_cpu_ms:.2f} ms in PostgreSQL."
            f" {self.samples.total:,} samples at work.\n\n{tables(self.samples)}"
        )


async def profile_worker(servers: Services, seconds: float) -> Profile:
    jobs = Watched("Jobs, LLM 0, 64 in flight", roster.OVERHEAD_IN_FLIGHT, NO_WAIT, JOBS_S_MAX)
    return await _of_worker(servers, seconds, jobs, _all_at_once)


async def profile_chats(servers: Services, seconds: float) -> Profile:
    about = f"Jobs on chats of 4,000 messages, LLM 1 s ± 0.5 s, {roster.REAL_IN_FLIGHT} in flight"
    jobs = Watched(about, roster.REAL_IN_FLIGHT, chats.LOAD, CHATS_JOBS_S_MAX, chats.EVEN)
    return await _of_worker(servers, seconds, jobs, _all_at_once)


async def profile_idle(servers: Services, seconds: float) -> Profile:
    jobs = Watched("Jobs, one at a time", roster.OVERHEAD_IN_FLIGHT, NO_WAIT, IDLE_JOBS_S_MAX)
    return await _of_worker(servers, seconds, jobs, _one_by_one)


async def profile_api(servers: Services, seconds: float) -> Profile:
    async with servers.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            count = int(UNLOCKS_S_MAX * (seconds + 2 * WARM_UP_S))
            seeded = await seed_rows(connection, encoded_chat(SMALL_CHAT), users=count)
            async with running_api(servers, database_url) as api:
                orders = [(one.user_id, str(one.chat_id)) for one in seeded]
                requests = unlocks(api, orders, CATEGORY.key)
                plan = Plan(api.port, CONNECTIONS, seconds + 2 * WARM_UP_S, None, requests)
                loading = asyncio.create_task(run_plan(plan))
                try:
                    return await _watched(
                        servers,
                        connection,
                        api.process.pid,
                        seconds,
                        about=f"Unlocks over {CONNECTIONS} connections",
                        counted="SELECT count(*) FROM jobs",
                    )
                finally:
                    await loading
        finally:
            await connection.close()


PROFILES: Mapping[str, Callable[[Services, float], Awaitable[Profile]]] = {
    "worker": profile_worker,
    "chats": profile_chats,
    "api": profile_api,
    "idle": profile_idle,
}

Feed = Callable[[asyncpg.Connection, Contestant, list[Job]], Awaitable[None]]


async def _of_worker(servers: Services, seconds: float, watched: Watched, feed: Feed) -> Profile:
    worker = roster.product(servers, tasks=watched.tasks)
    async with servers.database() as database_url:
        connection = await asyncpg.connect(database_url)
        feeder = await asyncpg.connect(database_url)
        try:
            count = int(watched.jobs_s_max * (seconds + 2 * WARM_UP_S))
            jobs = await seed_work(connection, servers.master_key, watched.work, jobs=count)
            worker.start(
                database_url=database_url,
                redis_url=servers.redis_url,
                master_key=servers.master_key,
                load=watched.load,
            )
            feeding = asyncio.create_task(feed(feeder, worker, jobs))
            try:
                return await _watched(
                    servers,
                    connection,
                    _process_at_work(worker),
                    seconds,
                    about=watched.about,
                    counted="SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL",
                )
            finally:
                feeding.cancel()
                with suppress(asyncio.CancelledError):
                    await feeding
        finally:
            await asyncio.to_thread(worker.stop)
            await feeder.close()
            await connection.close()


async def _all_at_once(connection: asyncpg.Connection, worker: Contestant, jobs: list[Job]) -> None:
    await release_jobs(connection, jobs)
    worker.enqueue(jobs)


async def _one_by_one(connection: asyncpg.Connection, worker: Contestant, jobs: list[Job]) -> None:
    for job in jobs:
        await release_jobs(connection, [job])
        worker.enqueue([job])
        while await connection.fetchval(_IS_OPEN, job[1]):  # noqa: ASYNC110 (ends elsewhere)
            await asyncio.sleep(POLL_S)


async def _watched(
    servers: Services,
    connection: asyncpg.Connection,
    pid: int,
    seconds: float,
    *,
    about: str,
    counted: str,
) -> Profile:
    await asyncio.sleep(WARM_UP_S)
    done = await connection.fetchval(counted)
    cpu_s = machine.cpu_s([pid])
    postgres_s = machine.cpu_s(machine.family(servers.postgres_pid))
    samples = await sample(pid, seconds, servers.folder / "samples.raw")
    units = await connection.fetchval(counted) - done
    if not units:
        raise RuntimeError("no work was done while the process was watched")
    postgres_s = machine.cpu_s(machine.family(servers.postgres_pid)) - postgres_s
    cpu_s = machine.cpu_s([pid]) - cpu_s
    return Profile(about, samples, units, 1000 * cpu_s / units, 1000 * postgres_s / units)


def _process_at_work(worker: Contestant) -> int:
    """Of a master and its helpers, the one that runs jobs: it has imported the most."""
    return max(worker.pids(), key=lambda pid: machine.pss_mb([pid]) or 0.0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile")
    parser.add_argument("--what", choices=tuple(PROFILES), required=True)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of watching")
    parser.add_argument("--write", action="store_true", help="into docs/performance.md")
    given = parser.parse_args()
    with services() as servers:
        profile = asyncio.run(PROFILES[given.what](servers, given.seconds)).to_markdown()
    print(profile)
    if given.write and not fill(PERFORMANCE, f"profile of {given.what}", profile):
        sys.exit(f"{PERFORMANCE} has no place for it")


_IS_OPEN = "SELECT finished_at IS NULL FROM jobs WHERE id = $1"

if __name__ == "__main__":
    main()
