"""Cancelling a job: the user withdraws, the coins come back in the same transaction."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import CreditService
from app.credits.sql import EVERY_ROW
from app.db import in_turn
from app.errors import DomainError, NotFound
from app.faults import Step
from app.jobs.models import JobState
from app.jobs.settle import Ending, Guard, end_jobs
from app.jobs.spending import count_uncharged


class NotCancellable(DomainError):
    """The job is being charged or has ended; there is nothing left to cancel."""

    code, http_status = "not_cancellable", 409


async def cancel_job(user_id: str, job_id: UUID) -> None:
    """The job is cancelled and its coins are back; so it was if it is cancelled already.

    Raises NotFound, or NotCancellable once the job is settling or has ended otherwise.
    """

    was_ended_here = False

    async def cancel(connection: AsyncConnection) -> JobState | None:
        nonlocal was_ended_here
        await CreditService(connection).lock_accounts([user_id])
        ending = Ending(user_id, job_id, Guard.WITHDRAWN, JobState.CANCELLED, captures=False)
        if await end_jobs(connection, [ending]):
            was_ended_here = True
            return JobState.CANCELLED
        found = await connection.execute(_STATE, {"user_id": user_id, "id": job_id})
        state = found.scalar()
        return None if state is None else JobState(state)

    state = await in_turn(user_id, cancel, step=Step.CANCEL)
    if state is None:
        raise NotFound
    if state is not JobState.CANCELLED:
        raise NotCancellable(state=state)
    if was_ended_here:
        await count_uncharged(user_id, job_id, state)


_STATE = text(f"""
    WITH {EVERY_ROW} SELECT state FROM jobs WHERE user_id = :user_id AND id = :id
""")
