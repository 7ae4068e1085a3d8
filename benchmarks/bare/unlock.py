"""Unlocks by bare asyncpg: one statement each, from many connections at once."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import quantiles
from uuid import UUID

import asyncpg
import uvloop

from app.catalog.categories import CATEGORIES, Category
from app.ids import new_id
from benchmarks.bare.unlock_statement import UNLOCK_ONE
from benchmarks.seed import SMALL_CHAT, SeededChat, encoded_chat, seed_rows

EXPIRES_S = 3600.0
CHATS_PER_SECOND = 1_200
"""Four unlocks each: several times what any machine of today does."""

_LOCK = "SELECT user_id FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE"

Order = tuple[str, UUID, Category]


@dataclass(frozen=True, slots=True)
class UnlockRate:
    """Unlocks a second and how long each took."""

    is_hot: bool
    connections: int
    unlocks: int
    unlocks_s: float
    p50_ms: float
    p99_ms: float


async def measure_unlock(
    database_url: str, *, connections: int, seconds: float, is_hot: bool
) -> UnlockRate:
    """Unlocks for `seconds`, of one user's chats or of a user for each chat.

    Seeds the empty database first. Raises RuntimeError when an unlock was refused.
    """
    orders = await _seed(database_url, int(seconds * CHATS_PER_SECOND), is_hot=is_hot)
    # In a thread of its own: the ceiling runs on uvloop, whatever the caller runs on.
    return await asyncio.to_thread(
        uvloop.run, _measure(database_url, orders, connections, seconds, is_hot=is_hot)
    )


async def _seed(database_url: str, chats: int, *, is_hot: bool) -> Iterator[Order]:
    coins = sum(category.price_coins for category in CATEGORIES.values())
    connection = await asyncpg.connect(database_url)
    try:
        seeded = await seed_rows(
            connection,
            encoded_chat(SMALL_CHAT),
            users=1 if is_hot else chats,
            chats_each=chats if is_hot else 1,
            coins=coins * chats if is_hot else coins,
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return _orders(seeded)


def _orders(seeded: list[SeededChat]) -> Iterator[Order]:
    for category in CATEGORIES.values():
        for chat in seeded:
            yield chat.user_id, chat.chat_id, category


async def _measure(
    database_url: str, orders: Iterator[Order], count: int, seconds: float, *, is_hot: bool
) -> UnlockRate:
    connections = [
        await asyncpg.connect(database_url, server_settings={"jit": "off"}) for _ in range(count)
    ]
    took: list[float] = []
    write = _unlock_locked if is_hot else _unlock
    started = time.perf_counter()
    deadline = started + seconds

    async def work(connection: asyncpg.Connection) -> None:
        for order in orders:
            began = time.perf_counter()
            if began >= deadline:
                return
            if await write(connection, order) is None:
                raise RuntimeError("an unlock was refused")
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(work(connection) for connection in connections))
    elapsed_s = time.perf_counter() - started
    for connection in connections:
        await connection.close()
    cuts = quantiles(took, n=100)
    return UnlockRate(
        is_hot, count, len(took), len(took) / elapsed_s, 1000 * cuts[49], 1000 * cuts[98]
    )


async def _unlock(connection: asyncpg.Connection, order: Order) -> asyncpg.Record | None:
    """One statement, which is a transaction of its own: nobody else is at this account."""
    return await connection.fetchrow(UNLOCK_ONE.sql, *_values(order))


async def _unlock_locked(connection: asyncpg.Connection, order: Order) -> asyncpg.Record | None:
    """The lock first: a snapshot older than the lock would have to write nothing."""
    async with connection.transaction():
        await connection.fetchrow(_LOCK, order[0])
        return await connection.fetchrow(UNLOCK_ONE.sql, *_values(order))


def _values(order: Order) -> list[object]:
    user_id, chat_id, category = order
    return UNLOCK_ONE.values(
        {
            "user_id": user_id,
            "id": new_id(),
            "chat_id": chat_id,
            "category": category.key,
            "language": None,
            "price": category.price_coins,
            "prompt_version": category.prompt_version,
            "keys": [insight.key for insight in category.insights],
            "expires_s": EXPIRES_S,
        }
    )
