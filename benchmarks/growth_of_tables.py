"""What a job leaves in the tables, and how its updates are done: HOT, or with every index.

    python -m benchmarks.growth_of_tables [--jobs 5000] [--try "DROP INDEX ix_jobs_leased"]

Twice on one machine, in turns of 500 jobs each: with the settings of the tables as the first
migrations made them, or as `--try` makes them, and with those of today. Then the chats of the
second are deleted, and its jobs archived. An update is HOT when its page has room for the new
row and no indexed column changes: no index grows, and no vacuum is needed to free the old one.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import asyncpg

from app.jobs.archive import archive_jobs
from benchmarks.contestant import Load
from benchmarks.product import Product
from benchmarks.seed import (
    SMALL_CHAT,
    SeededChat,
    encoded_chat,
    release_jobs,
    seed_chats,
    seed_jobs,
)
from benchmarks.services import Services, product_engine, services, violations

TURN = 500
LOAD = Load(llm_s=0.3, llm_spread_s=0.3, seed=7)
WAIT_S = 120.0
POLL_S = 0.1
TABLES = ("jobs", "insights", "reservations", "accounts", "entries")

FIRST_SETTINGS = (
    *(f"ALTER TABLE {table} RESET (fillfactor)" for table in TABLES),
    *(f"ALTER TABLE {table} SET (fillfactor = 70)" for table in ("jobs", "insights", "accounts")),
)
LEFT = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"
SIZES = "SELECT pg_table_size(t::regclass), pg_indexes_size(t::regclass) FROM unnest($1::text[]) t"
LONG_AGO = (
    "UPDATE insights SET sealed = NULL, content_deleted = true",
    "DELETE FROM chats",
    "UPDATE jobs SET finished_at = finished_at - interval '2 years'",
)
UPDATES = """
    SELECT relname, n_tup_upd AS updates, n_tup_hot_upd AS hot
    FROM pg_stat_user_tables WHERE relname = ANY ($1::text[])
"""


@dataclass
class Side:
    """One of the two databases, and its workers."""

    name: str
    database_url: str
    connection: asyncpg.Connection
    product: Product
    chats: Sequence[SeededChat]
    before: list[tuple[int, int]] = field(default_factory=list)

    async def turn(self, number: int) -> None:
        """So many jobs, from the unlock to the end."""
        jobs = await seed_jobs(self.connection, self.chats[number * TURN : (number + 1) * TURN])
        await release_jobs(self.connection, jobs)
        self.product.enqueue(jobs)
        async with asyncio.timeout(WAIT_S):
            await self._until_nothing_is_left()

    async def _until_nothing_is_left(self) -> None:
        while True:
            if not await self.connection.fetchval(LEFT):
                return
            await asyncio.sleep(POLL_S)

    async def sizes(self) -> list[tuple[int, int]]:
        return [tuple(row) for row in await self.connection.fetch(SIZES, TABLES)]


async def _side(
    services: Services, stack: AsyncExitStack, name: str, jobs: int, settings: Sequence[str]
) -> Side:
    url = await stack.enter_async_context(services.database())
    connection = await asyncpg.connect(url)
    stack.push_async_callback(connection.close)
    for statement in settings:
        await connection.execute(statement)
    chats = await seed_chats(connection, services.master_key, encoded_chat(SMALL_CHAT), users=jobs)
    product = Product(services, tasks=TURN)
    side = Side(name, url, connection, product, chats)
    side.before = await side.sizes()
    return side


async def measure(services: Services, jobs: int, tried: str | None) -> list[str]:
    """The two tables of the result, as lines of Markdown."""
    told: list[str] = [
        "| settings | table | updates a job | of them HOT | table B/job | indexes B/job |"
    ]
    told.append("|---|---|--:|--:|--:|--:|")
    async with AsyncExitStack() as stack:
        other = ("tried", [tried]) if tried else ("first", FIRST_SETTINGS)
        sides = [
            await _side(services, stack, name, jobs, settings)
            for name, settings in (other, ("today", ()))
        ]
        for number in range(jobs // TURN):
            for side in sides:
                # One at a time: both would share the stream of wake-ups.
                side.product.start(
                    database_url=side.database_url,
                    redis_url=services.redis_url,
                    master_key=services.master_key,
                    load=LOAD,
                )
                try:
                    await side.turn(number)
                finally:
                    await asyncio.to_thread(side.product.stop)
        for side in sides:
            told += await _rows(side, jobs)
            if await violations(side.database_url):
                raise RuntimeError(f"{side.name}: an invariant is violated")
        told += await _archived(sides[-1], jobs)
    return told


async def _archived(side: Side, jobs: int) -> list[str]:
    """What the same jobs take once their chats are deleted and they are in the archive."""
    for statement in LONG_AGO:
        await side.connection.execute(statement)
    async with product_engine(side.database_url):
        moved = sum([month.jobs async for month in archive_jobs()])
    if moved != jobs or await violations(side.database_url):
        raise RuntimeError(f"{moved} jobs were archived, or an invariant is violated")
    tables = [f"archived_{table}" for table in TABLES if table != "accounts"]
    sizes = [tuple(row) for row in await side.connection.fetch(SIZES, tables)]
    told = [(table, *size) for table, size in zip(tables, sizes, strict=True)]
    told.append(("all", *map(sum, zip(*sizes, strict=True))))
    return [
        f"| archived | {table} | | | {heap / jobs:,.0f} | {indexes / jobs:,.0f} |"
        for table, heap, indexes in told
    ]


async def _rows(side: Side, jobs: int) -> list[str]:
    updates = {row["relname"]: row for row in await side.connection.fetch(UPDATES, TABLES)}
    grown = zip(side.before, await side.sizes(), strict=True)
    rows, total = [], [0.0, 0.0]
    for table, (before, after) in zip(TABLES, grown, strict=True):
        of_a_job = [(new - old) / jobs for old, new in zip(before, after, strict=True)]
        total = [sum(pair) for pair in zip(total, of_a_job, strict=True)]
        found = updates[table]
        hot = f"{found['hot'] / found['updates']:.0%}" if found["updates"] else "–"
        rows.append(
            f"| {side.name} | {table} | {found['updates'] / jobs:.1f} | {hot} |"
            f" {of_a_job[0]:,.0f} | {of_a_job[1]:,.0f} |"
        )
    return [*rows, f"| {side.name} | all | | | {total[0]:,.0f} | {total[1]:,.0f} |"]


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks.growth_of_tables", description=__doc__)
    parser.add_argument("--jobs", type=int, default=5_000, help=f"a multiple of {TURN}")
    parser.add_argument("--try", dest="tried", help="SQL, in place of the first settings")
    given = parser.parse_args()
    jobs = max(TURN, given.jobs // TURN * TURN)
    with services() as running:
        print("\n".join(asyncio.run(measure(running, jobs, given.tried))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
