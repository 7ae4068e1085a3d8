"""The wrapped keys of chats, in a small table of their own, from which one vanishes when it is
deleted: not only out of sight, but off the disk.

PostgreSQL deletes a row by a mark. A vacuum frees its place and leaves the bytes there, so after it
the place is written over. The row that asks for that (`key_erasures`) is written by a trigger, with
the deletion, and goes when it is done: what could not be done at once is done by a sweep.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import in_statement, in_transaction, lone_read, vacuum
from app.faults import Step

AUTOVACUUM_MARGIN_S = 60
"""A vacuum that was not this process's own began before it ended: by no more than this."""
ERASURES_MAX = 10_000
"""Marked as done by one round."""
LATE_S = 3600
"""After so long a human must look: a transaction is open for as long, or nothing may vacuum."""


def key_columns(chat: str = "c") -> str:
    """SQL: `key_id` and `sealed_key` of the chat that is named `chat`, beside `key_join`."""
    return (
        f"coalesce(k.key_id, {chat}.key_id) AS key_id,"
        f" coalesce(k.sealed_key, {chat}.sealed_key) AS sealed_key"
    )


def key_join(chat: str = "c") -> str:
    """SQL: the row of the chat's key, named `k`. A chat of the release before has none yet."""
    return f"LEFT JOIN chat_keys k ON k.user_id = {chat}.user_id AND k.chat_id = {chat}.id"


async def erase_deleted_keys() -> bool:
    """Writes over what deleted keys have left on the disk; whether nothing is left to do.

    A row that an open transaction can still see stays until that has ended. May run anywhere, at
    any time, in several processes at once.
    """
    asked = await _asked()
    if not asked:
        return True
    is_own = await vacuum("chat_keys")
    vacuumed_at = await _all_vacuumed_at()
    await in_statement(_OVERWRITE, {}, step=Step.ERASE_KEYS)
    done = [
        id_
        for id_, at in asked
        if vacuumed_at is not None
        and (vacuumed_at - at).total_seconds() > (0 if is_own else AUTOVACUUM_MARGIN_S)
    ]
    await _mark_done(done)
    return len(done) == len(asked)


async def count_late_erasures() -> int:
    """How many have waited for longer than LATE_S."""
    async with lone_read() as connection:
        found = await connection.execute(_LATE, {"late_s": LATE_S})
        return int(found.scalar_one())


async def _asked() -> Sequence[tuple[UUID, datetime]]:
    async with lone_read() as connection:
        found = await connection.execute(_ASKED, {"erasures_max": ERASURES_MAX})
        return [(row.id, row.at) for row in found]


async def _all_vacuumed_at() -> datetime | None:
    """When the last vacuum ended, if no dead row was left that something can still see."""
    async with lone_read() as connection:
        row = (await connection.execute(_VACUUMED)).one()
    return None if row.dead else row.at


async def _mark_done(ids: Sequence[UUID]) -> None:
    async def mark(connection: AsyncConnection) -> None:
        await connection.execute(_DONE, {"ids": list(ids)})

    if ids:
        await in_transaction(mark, step=Step.ERASE_KEYS)


_ASKED = text("SELECT id, at FROM key_erasures ORDER BY at LIMIT :erasures_max")

_LATE = text("""
    SELECT count(*) FROM key_erasures
    WHERE at < clock_timestamp() - make_interval(secs => :late_s)
""")

_VACUUMED = text("""
    SELECT pg_stat_get_dead_tuples(id) AS dead,
           greatest(pg_stat_get_last_vacuum_time(id), pg_stat_get_last_autovacuum_time(id)) AS at
    FROM CAST(CAST('chat_keys' AS regclass) AS oid) AS id
""")

_OVERWRITE = text("SELECT overwrite_erased_keys()")

_DONE = text("DELETE FROM key_erasures WHERE id = ANY(CAST(:ids AS uuid[]))")
