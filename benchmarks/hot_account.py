"""Unlocks of one user through the product's own code, many at once.

python -m benchmarks.hot_account [--rounds 5] [--seconds 4] [--tasks 32]

Every unlock is the product's own: the account is locked, coins are reserved, the job and its six
rows are queued. First each in a transaction of its own, all of them competing for the account;
then through the batchers in which the unlocks of an API process share transactions; then through
those of two, which compete as two API processes do. Counted are the errors a database answers
with when transactions disturb each other, also those that `in_transaction` repeats unseen.
Exit 1 if there was one, or if an invariant is violated afterwards.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from statistics import median
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg
import uvloop
from sqlalchemy import Engine, TextClause, event
from sqlalchemy.engine import ExceptionContext

from app.catalog.categories import CATEGORIES
from app.credits.invariants import check_invariants
from app.driver import DriverConnection
from app.sqlstates import sqlstate
from app.unlocks.batch import UnlockBatcher, UnlockOrder, UnlockTerms
from app.unlocks.unlock import unlock_category
from benchmarks.seed import SMALL_CHAT, SeededChat, encoded_chat, seed_rows
from benchmarks.services import Services, product_engine, services

ROUNDS, SECONDS, TASKS = 5, 4.0, 32
BATCHERS = (0, 1, 2)
UNLOCKS_PER_S_MAX = 5_000
"""So many are prepared for each second; a round that uses them up is shorter."""
WANTED_PER_S = 300
"""Of API processes. Transactions of their own are there to compete, not to be fast."""
TERMS = UnlockTerms(expires_s=3600.0)
DISTURBED = frozenset({"40001", "40P01"})
"""Serialization failure, deadlock."""


@dataclass(frozen=True)
class HotAccount:
    """What became of the rounds on one account."""

    batchers: int
    """In a batcher, unlocks that come at one moment share a transaction; 0: none does."""
    per_s: list[float]
    """Unlocks a second, round by round."""
    unlocks: int
    disturbed: Counter[str]
    """SQLSTATEs of serialization failures and deadlocks."""
    violations: int

    @property
    def is_exact(self) -> bool:
        return not self.disturbed and not self.violations


async def measure_hot_account(
    database_url: str,
    *,
    rounds: int,
    seconds: float,
    tasks: int,
    batchers: int,
) -> HotAccount:
    """Seeds the empty database, then unlocks as fast as `tasks` at once can."""
    orders = await _seed(database_url, chats=_chats_for(rounds * seconds))
    per_s: list[float] = []
    unlocks = 0
    ways = cycle([UnlockBatcher(TERMS) for _ in range(batchers)] or [None])
    async with product_engine(database_url):
        with _watching() as disturbed:
            for _ in range(rounds):
                done, took_s = await _round(orders, ways, seconds, tasks)
                per_s.append(done / took_s)
                unlocks += done
        violations = sum(finding.violations for finding in await check_invariants())
    return HotAccount(batchers, per_s, unlocks, disturbed, violations)


@contextmanager
def _watching() -> Generator[Counter[str]]:
    """Counts what the database refuses because transactions were in each other's way."""
    seen: Counter[str] = Counter()

    def note(context: ExceptionContext) -> None:
        state = sqlstate(context.original_exception)
        if state in DISTURBED:
            seen[state] += 1

    execute = DriverConnection.execute

    async def execute_and_note(
        connection: DriverConnection, statement: TextClause, values: Any = None
    ) -> Any:
        try:
            return await execute(connection, statement, values)
        except asyncpg.PostgresError as error:
            if (state := sqlstate(error)) in DISTURBED:
                seen[state] += 1
            raise

    event.listen(Engine, "handle_error", note)
    try:
        with patch.object(DriverConnection, "execute", execute_and_note):
            yield seen
    finally:
        event.remove(Engine, "handle_error", note)


async def _round(
    orders: Iterator[UnlockOrder], ways: Iterator[UnlockBatcher | None], seconds: float, tasks: int
) -> tuple[int, float]:
    done = 0
    started = time.perf_counter()

    async def work(batcher: UnlockBatcher | None) -> None:
        nonlocal done
        while time.perf_counter() - started < seconds and (order := next(orders, None)):
            await unlock_category(order, batcher=batcher or UnlockBatcher(TERMS), wake=_no_wake)
            done += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(work(next(ways)))
    return done, time.perf_counter() - started


async def _no_wake(_user_id: str, _job_id: UUID) -> None:
    """Nobody shall run the jobs: reserving is what is measured."""


async def _seed(database_url: str, *, chats: int) -> Iterator[UnlockOrder]:
    coins = sum(category.price_coins for category in CATEGORIES.values())
    connection = await asyncpg.connect(database_url)
    try:
        seeded = await seed_rows(
            connection,
            encoded_chat(SMALL_CHAT),
            users=1,
            chats_each=chats,
            coins=coins * chats,
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return _orders(seeded)


def _orders(seeded: Sequence[SeededChat]) -> Iterator[UnlockOrder]:
    for category in CATEGORIES:
        for chat in seeded:
            yield UnlockOrder(chat.user_id, chat.chat_id, category)


def _chats_for(seconds: float) -> int:
    return int(seconds * UNLOCKS_PER_S_MAX / len(CATEGORIES)) + TASKS


def render(measured: HotAccount, *, tasks: int) -> str:
    """The figures as lines."""
    shape = f"in {measured.batchers} batcher(s)" if measured.batchers else "a transaction each"
    wanted = f" (wanted: {WANTED_PER_S})" if measured.batchers else ""
    typical = median(measured.per_s)
    rounds = "  ".join(f"{one:.0f}" for one in measured.per_s)
    disturbed = dict(measured.disturbed) or 0
    return "\n".join(
        (
            f"one account, {tasks} unlocks at once, {shape}: {measured.unlocks} unlocks",
            f"  unlocks/s by round                 {rounds}",
            f"  median                             {typical:.0f}{wanted}",
            f"  spread                             {min(measured.per_s):.0f} to "
            f"{max(measured.per_s):.0f}",
            f"  serialization failures, deadlocks  {disturbed}",
            f"  rows that violate an invariant     {measured.violations}",
        )
    )


def main() -> int:
    given = _arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ends as on Ctrl-C: in order.
    with services() as servers:
        all_measured = [
            uvloop.run(_measure(servers, given, batchers=batchers)) for batchers in BATCHERS
        ]
    print("\n".join(render(measured, tasks=given.tasks) for measured in all_measured))
    return 0 if all(measured.is_exact for measured in all_measured) else 1


async def _measure(servers: Services, given: argparse.Namespace, *, batchers: int) -> HotAccount:
    async with servers.database() as database_url:
        return await measure_hot_account(
            database_url,
            rounds=given.rounds,
            seconds=given.seconds,
            tasks=given.tasks,
            batchers=batchers,
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hot_account", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--tasks", type=int, default=TASKS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
