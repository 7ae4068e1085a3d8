"""Refunding a job: its coins come back, its content is hidden, its category can be bought again."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import CreditService, Entry
from app.db import in_turn
from app.errors import DomainError, NotFound
from app.faults import Step


class NotRefundable(DomainError):
    """Nothing was charged for this job, so there is nothing to refund."""

    code, http_status = "not_refundable", 409


class JobArchived(DomainError):
    """The job is in the archive; what it was charged can be returned by an adjustment."""

    code, http_status = "archived", 409


async def refund_job(user_id: str, job_id: UUID, *, reason: str, actor: str) -> tuple[Entry, bool]:
    """Returns what the job was charged, once; the entry, and whether it is new.

    Raises NotFound, NotRefundable, JobArchived, or OwnAccount when the actor is the user.
    """

    async def refund(connection: AsyncConnection) -> tuple[Entry, bool]:
        credits = CreditService(connection)
        job = {"user_id": user_id, "id": job_id}
        await credits.lock_accounts([user_id])
        if (await connection.execute(_LOCK_JOB, job)).first() is None:
            return await _refunded_before(connection, job)
        refunded = await credits.refund(user_id, job_id, reason=reason, actor=actor)
        if refunded is None:
            raise NotRefundable
        if refunded[1]:
            await connection.execute(_CHANGED, job)
        return refunded

    return await in_turn(user_id, refund, step=Step.REFUND)


async def _refunded_before(connection: AsyncConnection, job: dict[str, Any]) -> tuple[Entry, bool]:
    """The refund of a job that was archived since."""
    if (await connection.execute(_IS_ARCHIVED, job)).first() is None:
        raise NotFound
    refund = await CreditService(connection).entry(job["user_id"], f"refund:{job['id']}")
    if refund is None:
        raise JobArchived
    return refund, False


_LOCK_JOB = text("""
    SELECT id FROM jobs WHERE user_id = :user_id AND id = :id FOR NO KEY UPDATE
""")

_IS_ARCHIVED = text("SELECT id FROM archived_jobs WHERE user_id = :user_id AND id = :id")

_CHANGED = text("UPDATE jobs SET version = version + 1 WHERE user_id = :user_id AND id = :id")
