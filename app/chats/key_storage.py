"""The wrapped keys of chats, in a small table of their own, from which one vanishes when it is
deleted: not only out of sight, but off the disk.

PostgreSQL deletes a row by a mark. A vacuum frees its place and leaves the bytes there, so after it
the place is written over. The row that asks for that (`key_erasures`) is written by a trigger, with
the deletion, and goes when it is done: what could not be done at once is done by a sweep.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text

from app.db import in_statement, lone_read
from app.errors import Unavailable
from app.faults import Step
from app.group_commit import GroupCommit

AUTOVACUUM_MARGIN_S = 60
"""A vacuum that was not this process's own began before it ended: by no more than this."""
ERASURES_MAX = 10_000
"""Marked as done by one round."""
AT_ONCE_S = 5
"""A deletion is answered no later than this after it is committed."""
AGAIN_S = (0.05, 0.2)
"""Pauses before it is tried once more: another vacuum, or a short read, was in the way."""
LATE_S = 3600
"""After so long a human must look: a transaction is open for as long, or nothing may vacuum."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


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
    done = [
        id_
        for id_, at in asked
        if vacuumed_at is not None
        and (vacuumed_at - at).total_seconds() > (0 if is_own else AUTOVACUUM_MARGIN_S)
    ]
    await in_statement(_OVERWRITE, {"done": done}, step=Step.ERASE_KEYS)
    return len(done) == len(asked)


class KeyEraser:
    """Erases at once, for the deletions that one process answers: those of one moment together."""

    def __init__(self) -> None:
        self._group = GroupCommit[None, bool](self._flush, kind="erasures")

    async def erase(self) -> None:
        """Returns when what was deleted before is erased, or after AT_ONCE_S: then a sweep does
        it. Never raises for want of a database."""
        try:
            async with asyncio.timeout(AT_ONCE_S):
                await self._group.submit(None)
        except (Unavailable, TimeoutError):
            log.warning("keys.erased_later")

    async def _flush(self, asked: Sequence[None]) -> list[bool]:
        for pause_s in AGAIN_S:
            if await erase_deleted_keys():
                return [True] * len(asked)
            await asyncio.sleep(pause_s)
        return [await erase_deleted_keys()] * len(asked)


async def find_key_ids() -> set[str]:
    """The ids of all master keys that some chat's key is wrapped by. A few probes of an index."""
    async with lone_read() as connection:
        return set((await connection.execute(_KEY_IDS)).scalars())


async def count_late_erasures() -> int:
    """How many have waited for longer than LATE_S."""
    async with lone_read() as connection:
        found = await connection.execute(_LATE, {"late_s": LATE_S})
        return int(found.scalar_one())


async def vacuum(table: str) -> bool:
    """Vacuums a small table now; False where this role may not, or another one does just now.

    Raises Unavailable. No transaction is around it, not even behind a pooler: it is sent as it is.
    """
    warnings: list[object] = []

    def listen(_connection: object, message: object) -> None:
        warnings.append(message)

    async with lone_read() as connection:
        raw: Any = (await connection.get_raw_connection()).driver_connection
        raw.add_log_listener(listen)
        try:
            await raw.execute(f"VACUUM (SKIP_LOCKED) {table}")
        finally:
            raw.remove_log_listener(listen)
    return not warnings


async def _asked() -> Sequence[tuple[UUID, datetime]]:
    async with lone_read() as connection:
        found = await connection.execute(_ASKED, {"erasures_max": ERASURES_MAX})
        return [(row.id, row.at) for row in found]


async def _all_vacuumed_at() -> datetime | None:
    """When the last vacuum ended, if no dead row was left that something can still see."""
    async with lone_read() as connection:
        row = (await connection.execute(_VACUUMED)).one()
    return None if row.dead else row.at


_KEY_IDS = text("SELECT key_ids_in_use()")

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

_OVERWRITE = text("""
    WITH done AS (DELETE FROM key_erasures WHERE id = ANY(CAST(:done AS uuid[])))
    SELECT overwrite_erased_keys()
""")
