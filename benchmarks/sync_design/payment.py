"""Charging and releasing, on the task's own connection and, as the old code did, by the bridge.

Either way account, job and reservation change in one transaction, locked in that order, by the
ledger's own statements. A job that ended before is left alone: a message may come twice.
"""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.credits.models import ReservationState
from app.credits.service import CreditService, Settlement
from app.credits.sql import LOCK_ACCOUNTS, SETTLE
from app.database_pool import make_engine
from app.jobs.models import JobState
from benchmarks.sync_design.database import connected
from benchmarks.sync_design.setup import setup

PAYMENT_RETRY_S = 60
ROWS_MAX = 1_000

_COINS: Mapping[JobState, ReservationState] = {
    JobState.SUCCEEDED: ReservationState.CAPTURED,
    JobState.FAILED: ReservationState.RELEASED,
    JobState.EXPIRED: ReservationState.EXPIRED,
}


def end_job(user_id: str, job_id: UUID, state: JobState, *, error_code: str | None = None) -> bool:
    """Ends the job and settles its coins; False if it had ended before."""
    if setup().bridge:
        return asyncio.run(_end_by_service(user_id, job_id, state, error_code))
    with connected() as connection:
        return end_job_on(connection, user_id, job_id, state, error_code=error_code)


def end_job_on(
    connection: Connection,
    user_id: str,
    job_id: UUID,
    state: JobState,
    *,
    error_code: str | None = None,
) -> bool:
    """The same on this connection, without the bridge."""
    connection.execute(LOCK_ACCOUNTS, {"user_ids": [user_id]})
    ended = connection.execute(_END, _ending(user_id, job_id, state, error_code)).first()
    if ended is not None:
        connection.execute(
            SETTLE,
            {
                "user_ids": [user_id],
                "ids": [job_id],
                "states": [_COINS[state].value],
                "captures": [None],
                "reasons": [error_code],
            },
        )
    connection.commit()
    return ended is not None


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


async def _end_by_service(
    user_id: str, job_id: UUID, state: JobState, error_code: str | None
) -> bool:
    engine = _async_engine()
    try:
        async with engine.begin() as connection:
            service = CreditService(connection)
            await service.lock_accounts([user_id])
            ended = await connection.execute(_END, _ending(user_id, job_id, state, error_code))
            if ended.first() is None:
                return False
            settlement = Settlement(user_id, job_id, _COINS[state], reason=error_code)
            await service.settle([settlement])
            return True
    finally:
        # `asyncio.run` ends this loop: a connection left in the pool would belong to a dead one.
        await engine.dispose()


def _ending(
    user_id: str, job_id: UUID, state: JobState, error_code: str | None
) -> dict[str, object]:
    return {"user_id": user_id, "id": job_id, "state": state.value, "error_code": error_code}


_END = text("""
    UPDATE jobs
    SET state = CAST(:state AS text), finished_at = clock_timestamp(), lease_until = NULL,
        attempt_until = NULL, next_run_at = NULL, version = version + 1,
        error_code = CAST(:error_code AS text)
    WHERE user_id = :user_id AND id = :id AND state IN ('queued', 'running', 'settling')
    RETURNING id
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
