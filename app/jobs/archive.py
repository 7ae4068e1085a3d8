"""The archive: jobs that ended long ago leave the hot tables, with all that the ledger has of them.

A job moves when its chat is gone, together with every other job of that chat, its reservation, its
insights and its entries. Nothing is summed up or dropped: every proof reads both (`EVERY_ROW`).
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import CreditService
from app.db import in_turn, snapshot
from app.errors import Locked
from app.faults import Step

MONTHS_KEPT = 12
MONTHS_KEPT_MIN = 1
CHATS_MAX = 1_000
"""Found by one scan; each of them moves in a transaction of its own."""


@dataclass(frozen=True, slots=True)
class ArchivedMonth:
    month: str
    jobs: int
    chats: int


async def archive_jobs(*, months_kept: int = MONTHS_KEPT) -> AsyncIterator[ArchivedMonth]:
    """What was moved, month by month, the oldest first; the last `months_kept` whole ones stay.

    A chat's month is the one in which its last job ended. May be ended and repeated at any time:
    what has moved is not found again. Chats of a user whose rows are locked stay until then.
    """
    locked: set[str] = set()
    for start, end in await _months(months_kept):
        month = {"start": start, "end": end}
        jobs = chats = 0
        while found := [one for one in await _chats_of(month) if one[0] not in locked]:
            for user_id, chat_id in found:
                if user_id in locked:
                    continue
                try:
                    jobs += await _archive(month | {"user_id": user_id, "chat_id": chat_id})
                except Locked:
                    locked.add(user_id)
                else:
                    chats += 1
        if jobs:
            yield ArchivedMonth(f"{start:%Y-%m}", jobs, chats)


async def _months(months_kept: int) -> list[tuple[datetime, datetime]]:
    async with snapshot() as connection:
        found = await connection.execute(_MONTHS, {"months_kept": months_kept})
        return [(row.start, row.end) for row in found]


async def _chats_of(month: dict[str, datetime]) -> list[tuple[str, UUID]]:
    async with snapshot() as connection:
        found = await connection.execute(_CHATS, month | {"chats_max": CHATS_MAX})
        return [(row.user_id, row.chat_id) for row in found]


async def _archive(chat: dict[str, Any]) -> int:
    """How many jobs were moved. No unlock can add one meanwhile, for the chat is gone."""

    async def move(connection: AsyncConnection) -> int:
        await CreditService(connection).lock_accounts([chat["user_id"]])
        locked = await connection.execute(_LOCK, chat)
        jobs = {"user_id": chat["user_id"], "ids": [row.id for row in locked]}
        for statement in _MOVES:
            await connection.execute(statement, jobs)
        return len(jobs["ids"])

    return await in_turn(chat["user_id"], move, step=Step.ARCHIVE)


# By UTC, as the bill.
_MONTHS = text("""
    WITH bounds AS (
        SELECT date_trunc('month', min(finished_at) AT TIME ZONE 'UTC') AS first,
               date_trunc('month', statement_timestamp() AT TIME ZONE 'UTC') AS this
        FROM jobs
    )
    SELECT start AT TIME ZONE 'UTC' AS start,
           (start + interval '1 month') AT TIME ZONE 'UTC' AS end
    FROM bounds, generate_series(
        first, this - make_interval(months => CAST(:months_kept AS int) + 1), interval '1 month'
    ) AS start
""")

_CHATS = text("""
    SELECT j.user_id, j.chat_id FROM jobs j
    WHERE j.finished_at >= :start AND j.finished_at < :end
      AND NOT EXISTS (SELECT FROM chats c WHERE c.user_id = j.user_id AND c.id = j.chat_id)
      AND NOT EXISTS (
          SELECT FROM jobs later
          WHERE later.user_id = j.user_id AND later.chat_id = j.chat_id
            AND (later.finished_at IS NULL OR later.finished_at >= :end)
      )
    GROUP BY j.user_id, j.chat_id ORDER BY j.user_id, j.chat_id LIMIT :chats_max
""")

_LOCK = text("""
    SELECT id FROM jobs WHERE user_id = :user_id AND chat_id = :chat_id
    ORDER BY id FOR NO KEY UPDATE
""")


def _moving(table: str, column: str) -> str:
    return f"""
        WITH moved AS (
            DELETE FROM {table} WHERE user_id = :user_id AND {column} = ANY(CAST(:ids AS uuid[]))
            RETURNING *
        )
        INSERT INTO archived_{table} SELECT * FROM moved
    """


# An entry is deleted only when the archive has it already: in a statement after that one.
_OF_JOBS = "user_id = :user_id AND reservation_id = ANY(CAST(:ids AS uuid[]))"
_MOVES = [
    text(f"INSERT INTO archived_entries SELECT * FROM entries WHERE {_OF_JOBS}"),
    text(f"DELETE FROM entries WHERE {_OF_JOBS}"),
    text(_moving("reservations", "id")),
    text(_moving("insights", "job_id")),
    text(_moving("jobs", "id")),
]
