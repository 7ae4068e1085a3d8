"""A burst: unlocks of large chats that were uploaded just now, all at once, on one worker process.

python -m benchmarks.burst [--chats 60] [--messages 40000]

All four categories of each chat; the model answers in 0.2 s. Meanwhile users with chats of 200
messages unlock one after the other, as they did before it on the idle worker. Exit 1 when a job has
not succeeded in its first attempt, a small chat waited more than twice as long as before, or an
invariant is violated. How long the worker's event loop stood still at most is printed too.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from statistics import median, quantiles

import asyncpg
import uvloop

from benchmarks import roster
from benchmarks.bench import SEED
from benchmarks.contestant import Job, Load
from benchmarks.product import Product
from benchmarks.run import silence_libraries
from benchmarks.scenarios.chats import ALL
from benchmarks.seed import Work, encoded_chat, release_jobs, seed_chats, seed_jobs, seed_work
from benchmarks.services import Services, services, violations

LOAD = Load(llm_s=0.2, llm_spread_s=0.0, seed=SEED)
SMALL, BEFORE, MEANWHILE = 200, 15, 60
SMALL_EVERY_S = 1.0
TIMES_MAX = 2.0
JOBS_S_MAX = 1_200.0
POLL_S = 0.005


async def measure(servers: Services, *, chats: int, messages: int) -> list[str]:
    """Prints what was measured; what must not be."""
    async with servers.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            work = Work((messages,), ALL, is_prepared=False)
            burst = await seed_work(connection, servers.master_key, work, jobs=chats * len(ALL))
            small = await _small_jobs(connection, servers)
            product = Product(servers, tasks=roster.REAL_IN_FLIGHT)
            product.variables["BENCH_LAG_FILE"] = str(servers.folder / "lag")
            product.start(
                database_url=database_url,
                redis_url=servers.redis_url,
                master_key=servers.master_key,
                load=LOAD,
            )
            try:
                before = await _one_by_one(connection, product, small[:BEFORE])
                started_at = time.monotonic()
                await release_jobs(connection, burst)
                await asyncio.to_thread(product.enqueue, burst)
                meanwhile = await _one_by_one(connection, product, small[BEFORE:])
                seconds = await _until_ended(connection, started_at)
            finally:
                await asyncio.to_thread(product.stop)
            ended = Counter(
                (row["state"], row["attempt"]) for row in await connection.fetch(_OUTCOMES)
            )
        finally:
            await connection.close()
        wrong = _report(ended, before, meanwhile)
        print(f"  all ended after       {seconds:.0f} s")
        lag_ms = 1000 * float((servers.folder / "lag").read_text())
        print(f"  event loop            stood still for {lag_ms:.0f} ms at most")
        if found := await violations(database_url):
            wrong.append(f"{found} rows violate an invariant")
    return wrong


def _report(
    ended: Counter[tuple[str, int]], before: Sequence[float], meanwhile: Sequence[float]
) -> list[str]:
    usual, during = median(before), median(meanwhile)
    slowest = quantiles(meanwhile, n=20)[-1]
    outcomes = ", ".join(f"{count} {state} in attempt {at}" for (state, at), count in ended.items())
    print(f"  jobs                  {outcomes}")
    print(
        f"  a small chat          {usual:.2f} s before, {during:.2f} s meanwhile"
        f" ({during / usual:.2f} ×, target ≤ {TIMES_MAX:g}; p95 {slowest:.2f} s)"
    )
    wrong = [f"not all succeeded at once: {outcomes}"] if set(ended) != {("succeeded", 1)} else []
    return wrong + (["small chats waited"] if during > TIMES_MAX * usual else [])


async def _small_jobs(connection: asyncpg.Connection, servers: Services) -> list[Job]:
    chats = await seed_chats(
        *(connection, servers.master_key, encoded_chat(SMALL)),
        users=BEFORE + MEANWHILE,
        prefix="small",
        is_prepared=False,
    )
    return await seed_jobs(connection, chats)


async def _one_by_one(
    connection: asyncpg.Connection, product: Product, jobs: Sequence[Job]
) -> list[float]:
    """Seconds from wake-up to end, of one job after the other."""
    taken: list[float] = []
    for job in jobs:
        await release_jobs(connection, [job])
        started_at = time.monotonic()
        product.enqueue([job])
        while True:
            if await connection.fetchval(_IS_ENDED, job[1]):
                break
            await asyncio.sleep(POLL_S)
        taken.append(time.monotonic() - started_at)
        await asyncio.sleep(max(0.0, SMALL_EVERY_S - taken[-1]))
    return taken


async def _until_ended(connection: asyncpg.Connection, started_at: float) -> float:
    async with asyncio.timeout(JOBS_S_MAX):
        while True:
            if not await connection.fetchval(_IS_WORK_LEFT):
                return time.monotonic() - started_at
            await asyncio.sleep(0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chats", type=int, default=60)
    parser.add_argument("--messages", type=int, default=40_000)
    given = parser.parse_args()
    silence_libraries()
    print(f"{given.chats * len(ALL)} jobs on {given.chats} chats of {given.messages:,} messages")
    with services() as servers:
        wrong = uvloop.run(measure(servers, chats=given.chats, messages=given.messages))
    if wrong:
        sys.exit("; ".join(wrong))


_IS_ENDED = "SELECT finished_at IS NOT NULL FROM jobs WHERE id = $1"
_IS_WORK_LEFT = "SELECT EXISTS (SELECT FROM jobs WHERE finished_at IS NULL)"
_OUTCOMES = "SELECT state, attempt FROM jobs"


if __name__ == "__main__":
    main()
