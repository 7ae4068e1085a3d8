"""Deleting a chat: its key is destroyed, what was written about it is emptied, money stays."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import CreditService
from app.db import in_turn
from app.errors import NotFound
from app.faults import Step
from app.jobs.leases import JobRef
from app.jobs.models import DONE_SQL, JobState
from app.jobs.settle import Ending, Guard, end_jobs
from app.jobs.spending import count_uncharged

Shredded = dict[JobRef, JobState | None]
"""The jobs that were active, and how they ended."""


async def delete_chat(user_id: str, chat_id: UUID, *, unused_days: int | None = None) -> list[UUID]:
    """Crypto-shreds the chat; its active jobs end and their coins come back: their ids.

    Jobs, insight rows and the ledger stay. A writer of results rechecks its job's state in its
    own transaction, so nothing comes back. Raises NotFound, also when `unused_days` is given and
    the chat was used since; and Locked.
    """

    ended: Shredded | None = None

    async def delete(connection: AsyncConnection) -> None:
        nonlocal ended
        await CreditService(connection).lock_accounts([user_id])
        shredded = await shred_chat(connection, user_id, chat_id, unused_days=unused_days)
        if shredded is not None:  # Or an earlier try did it, whose reply to COMMIT was lost.
            ended = shredded

    await in_turn(user_id, delete, step=Step.DELETE_CHAT)
    if ended is None:
        raise NotFound
    await count_ended(ended)
    return [job_id for _, job_id in ended]


async def shred_chat(
    connection: AsyncConnection, user_id: str, chat_id: UUID, *, unused_days: int | None = None
) -> Shredded | None:
    """Does that in a transaction that has locked the account; None when there is no such chat."""
    chat = {"user_id": user_id, "chat_id": chat_id}
    found = await connection.execute(_LOCK_CHAT, chat | {"unused_days": unused_days})
    if found.first() is None:
        return None
    active = await connection.execute(_ACTIVE_JOBS, chat)
    endings = [_ending(user_id, row.id, JobState(row.state)) for row in active]
    states = await end_jobs(connection, endings) if endings else {}
    await connection.execute(_EMPTY_INSIGHTS, chat)
    await connection.execute(_FORGET_SENT, chat)
    await connection.execute(_DELETE_CHAT, chat)
    asked = [(ending.user_id, ending.job_id) for ending in endings]
    return {job: states.get(job) for job in asked}


async def count_ended(ended: Shredded) -> None:
    """Counts what the ended jobs had cost for nothing."""
    for (user_id, job_id), state in ended.items():
        await count_uncharged(user_id, job_id, state)


def _ending(user_id: str, job_id: UUID, state: JobState) -> Ending:
    if state is JobState.SETTLING:
        # Its insights are done and were not paid for; the chat goes, so they are never shown.
        return Ending(
            user_id,
            job_id,
            Guard.UNPAID,
            JobState.FAILED,
            captures=False,
            error_code="chat_deleted",
        )
    return Ending(user_id, job_id, Guard.WITHDRAWN, JobState.CANCELLED, captures=False)


_LOCK_CHAT = text("""
    SELECT id FROM chats
    WHERE user_id = :user_id AND id = :chat_id
      AND (CAST(:unused_days AS int) IS NULL
           OR used_at < clock_timestamp() - make_interval(days => :unused_days))
    FOR NO KEY UPDATE
""")

_ACTIVE_JOBS = text("""
    SELECT id, state FROM jobs
    WHERE user_id = :user_id AND chat_id = :chat_id AND state IN ('queued', 'running', 'settling')
    ORDER BY id FOR NO KEY UPDATE
""")

_EMPTY_INSIGHTS = text(f"""
    WITH emptied AS (
        UPDATE insights n SET sealed = NULL, content_deleted = (n.{DONE_SQL})
        FROM jobs j
        WHERE j.user_id = :user_id AND j.chat_id = :chat_id
          AND n.user_id = j.user_id AND n.job_id = j.id AND n.sealed IS NOT NULL
        RETURNING n.job_id
    )
    UPDATE jobs SET version = version + 1
    WHERE user_id = :user_id AND id IN (SELECT job_id FROM emptied)
""")

_FORGET_SENT = text("""
    DELETE FROM sent_prompts s USING jobs j
    WHERE j.user_id = :user_id AND j.chat_id = :chat_id
      AND s.user_id = j.user_id AND s.job_id = j.id
""")

_DELETE_CHAT = text("DELETE FROM chats WHERE user_id = :user_id AND id = :chat_id")
