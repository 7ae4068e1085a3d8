"""What an operator may do to a job: find it, start it now, or give its coins back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import CreditService
from app.credits.sql import EVERY_ROW
from app.db import in_turn, snapshot
from app.errors import DomainError, NotFound
from app.faults import Step
from app.jobs.models import JobState
from app.jobs.settle import Ending, Guard, end_jobs

LISTED_MAX = 200

_RELEASED = "released_by_operator"


class JobEnded(DomainError):
    """The job has ended; there is nothing left to start or to release."""

    code, http_status = "job_ended", 409


@dataclass(frozen=True, slots=True)
class JobSummary:
    """A job as an operator sees it: never anything about its content."""

    user_id: str
    job_id: UUID
    category: str
    state: JobState
    attempt: int
    fence: int
    price_coins: int
    completed: int
    empty: int
    error_code: str | None
    created_at: datetime
    next_run_at: datetime | None
    lease_until: datetime | None
    finished_at: datetime | None


async def list_jobs(*, state: JobState | None = None, limit: int = 50) -> list[JobSummary]:
    """At most `limit` jobs, newest first, of one state or of all."""
    async with snapshot() as connection:
        rows = await connection.execute(_LIST, {"state": state, "limit": min(limit, LISTED_MAX)})
        return [_summary(row) for row in rows]


async def find_job(job_id: UUID) -> JobSummary:
    """The job, whosever it is. Raises NotFound."""
    async with snapshot() as connection:
        row = (await connection.execute(_FIND, {"id": job_id})).first()
    if row is None:
        raise NotFound
    return _summary(row)


async def requeue_job(job_id: UUID) -> JobSummary:
    """A waiting job, or one whose charge waits, is due now. Raises NotFound or JobEnded."""
    job = await find_job(job_id)

    async def requeue(connection: AsyncConnection) -> bool:
        due = await connection.execute(_DUE_NOW, {"user_id": job.user_id, "id": job_id})
        return due.first() is not None

    is_due = await in_turn(job.user_id, requeue, step=Step.START_NOW)
    if not is_due and job.state is not JobState.RUNNING:
        raise JobEnded(state=job.state)
    return await find_job(job_id)


async def release_job(job_id: UUID, *, reason: str) -> JobSummary:
    """The job ends failed and its coins come back, also while its charge waits.

    Raises NotFound, or JobEnded when its coins are settled.
    """
    job = await find_job(job_id)
    was_tried = False

    async def release(connection: AsyncConnection) -> bool:
        nonlocal was_tried
        await CreditService(connection).lock_accounts([job.user_id])
        for guard in (Guard.UNPAID, Guard.WITHDRAWN):
            ending = Ending(
                job.user_id,
                job_id,
                guard,
                JobState.FAILED,
                captures=False,
                error_code=_RELEASED,
                reason=reason,
            )
            if await end_jobs(connection, [ending]):
                was_tried = True
                return True
        # An earlier try may have done it, whose reply to COMMIT was lost.
        found = await connection.execute(_ERROR_CODE, {"user_id": job.user_id, "id": job_id})
        return was_tried and found.scalar() == _RELEASED

    if not await in_turn(job.user_id, release, step=Step.RELEASE):
        raise JobEnded(state=job.state)
    return await find_job(job_id)


def _summary(row: Row[Any]) -> JobSummary:
    return JobSummary(
        user_id=row.user_id,
        job_id=row.id,
        category=row.category,
        state=JobState(row.state),
        attempt=row.attempt,
        fence=row.fence,
        price_coins=row.price_coins,
        completed=row.completed,
        empty=row.empty,
        error_code=row.error_code,
        created_at=row.created_at,
        next_run_at=row.next_run_at,
        lease_until=row.lease_until,
        finished_at=row.finished_at,
    )


_COLUMNS = """
    j.user_id, j.id, j.category, j.state, j.attempt, j.fence, j.price_coins, j.error_code,
    j.created_at, nullif(j.next_run_at, 'infinity') AS next_run_at, j.lease_until, j.finished_at,
    (SELECT count(*) FROM insights n
     WHERE n.user_id = j.user_id AND n.job_id = j.id AND n.state = 'completed') AS completed,
    (SELECT count(*) FROM insights n
     WHERE n.user_id = j.user_id AND n.job_id = j.id AND n.state = 'empty') AS empty
"""

_LIST = text(f"""
    SELECT {_COLUMNS} FROM jobs j
    WHERE CAST(:state AS text) IS NULL OR j.state = CAST(:state AS text)
    ORDER BY j.created_at DESC, j.id DESC LIMIT :limit
""")

# No index: an operator asks for one job now and then, and money never does.
_FIND = text(f"WITH {EVERY_ROW} SELECT {_COLUMNS} FROM jobs j WHERE j.id = :id")

_ERROR_CODE = text("SELECT error_code FROM jobs WHERE user_id = :user_id AND id = :id")

_DUE_NOW = text("""
    UPDATE jobs SET next_run_at = clock_timestamp()
    WHERE user_id = :user_id AND id = :id AND state IN ('queued', 'settling')
    RETURNING id
""")
