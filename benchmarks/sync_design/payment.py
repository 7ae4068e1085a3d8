"""Charging and releasing, on the task's own connection and, as the old code did, by the bridge.

Either way account, job and reservation change in one transaction, locked in that order, by the
ledger's own statements. A job that ended before is left alone: a message may come twice.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.credits.models import ReservationState
from app.credits.service import CreditService, Settlement
from app.credits.sql import LOCK_ACCOUNTS, SETTLE
from app.database_pool import make_engine
from app.jobs.models import INSIGHTS_PER_JOB, NOTHING_TO_SAY, JobState
from benchmarks.sync_design.database import connected
from benchmarks.sync_design.setup import setup

PAYMENT_RETRY_S = 60
ROWS_MAX = 1_000

_COINS: Mapping[JobState, ReservationState] = {
    JobState.SUCCEEDED: ReservationState.CAPTURED,
    JobState.FAILED: ReservationState.RELEASED,
    JobState.EXPIRED: ReservationState.EXPIRED,
}


@dataclass(frozen=True, slots=True)
class End:
    """How a job ends; `completed` are the insights that a succeeded one is charged for."""

    state: JobState
    error_code: str | None = None
    completed: int = 0


def end_of(done: int, completed: int) -> End:
    """The end of a job of which so many insights are done, and so many of those written."""
    if done < INSIGHTS_PER_JOB:
        return End(JobState.FAILED)
    if not completed:
        return End(JobState.FAILED, NOTHING_TO_SAY)
    return End(JobState.SUCCEEDED, completed=completed)


def end_job(user_id: str, job_id: UUID, end: End) -> bool:
    """Ends the job and settles its coins; False if it had ended before."""
    if setup().bridge:
        return asyncio.run(_end_by_service(user_id, job_id, end))
    with connected() as connection:
        return end_job_on(connection, user_id, job_id, end)


def end_job_on(connection: Connection, user_id: str, job_id: UUID, end: End) -> bool:
    """The same on this connection, without the bridge."""
    connection.execute(LOCK_ACCOUNTS, {"user_ids": [user_id]})
    ended = connection.execute(_END, _ending(user_id, job_id, end)).first()
    if ended is not None:
        connection.execute(
            SETTLE,
            {
                "user_ids": [user_id],
                "ids": [job_id],
                "states": [_COINS[end.state].value],
                "captures": [ended.charged],
                "reasons": [_reason(end)],
            },
        )
    connection.commit()
    return ended is not None


def _reason(end: End) -> str | None:
    """Why coins come back."""
    return NOTHING_TO_SAY if end.state is JobState.SUCCEEDED else end.error_code


def postpone_payment(user_id: str, job_id: UUID) -> None:
    """Notes that the insights exist but their charge failed."""
    with connected() as connection:
        connection.execute(
            _POSTPONE, {"user_id": user_id, "id": job_id, "delay_s": PAYMENT_RETRY_S}
        )
        connection.commit()


def overdue_jobs(connection: Connection) -> list[Row[Any]]:
    """`(user_id, id)` of queued and running jobs whose reservation expired."""
    found = connection.execute(_OVERDUE, {"rows_max": ROWS_MAX}).all()
    connection.commit()
    return list(found)


@cache
def _async_engine() -> AsyncEngine:
    """One a process, made at its first use, with the pool of the API: the old code's."""
    return make_engine(setup().database_url, pool_size=10, max_overflow=5)


async def _end_by_service(user_id: str, job_id: UUID, end: End) -> bool:
    engine = _async_engine()
    try:
        async with engine.begin() as connection:
            service = CreditService(connection)
            await service.lock_accounts([user_id])
            ended = await connection.execute(_END, _ending(user_id, job_id, end))
            row = ended.first()
            if row is None:
                return False
            coins = _COINS[end.state]
            await service.settle([Settlement(user_id, job_id, coins, row.charged, _reason(end))])
            return True
    finally:
        # `asyncio.run` ends this loop: a connection left in the pool would belong to a dead one.
        await engine.dispose()


def _ending(user_id: str, job_id: UUID, end: End) -> dict[str, object]:
    return {
        "user_id": user_id,
        "id": job_id,
        "state": end.state.value,
        "error_code": end.error_code,
        "completed": end.completed,
    }


_END = text(f"""
    UPDATE jobs
    SET state = CAST(:state AS text), finished_at = clock_timestamp(), lease_until = NULL,
        attempt_until = NULL, next_run_at = NULL, version = version + 1,
        error_code = CAST(:error_code AS text)
    WHERE user_id = :user_id AND id = :id AND state IN ('queued', 'running', 'settling')
    RETURNING price_coins * CAST(:completed AS bigint) / {INSIGHTS_PER_JOB} AS charged
""")

_POSTPONE = text("""
    UPDATE jobs
    SET state = 'settling', lease_until = NULL, version = version + 1,
        error_code = 'charge_refused',
        next_run_at = clock_timestamp() + make_interval(secs => :delay_s)
    WHERE user_id = :user_id AND id = :id AND state = 'running'
""")

_OVERDUE = text("""
    SELECT r.user_id, r.id FROM reservations r JOIN jobs j USING (user_id, id)
    WHERE r.state = 'held' AND r.expires_at <= statement_timestamp()
      AND j.state IN ('queued', 'running')
    ORDER BY r.expires_at LIMIT :rows_max
""")
