"""Ending a job: coins, reservation and state in one transaction, for every way a job ends.

Every end goes through `end_jobs`. Its guard says what must still be true under the locks. When
each of the six insights is completed or empty, a sixth of the price is captured for each completed
one, rounded down, and the rest comes back; when none is completed, or not all are done, all of it
does. Three guards stand behind each other: the compare-and-set here, the shared `settle:` key of
the ledger, and the CHECK constraints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.models import ReservationState
from app.credits.service import CreditService, Settlement
from app.db import in_driver_transaction, in_transaction, is_transient, wait_at_most
from app.driver import DriverConnection
from app.errors import Locked
from app.faults import Step
from app.group_commit import SKIPPED, Skipped
from app.jobs.leases import LEASE_OVER, LOCK_WAIT_MS, JobRef, Locking, each_locking
from app.jobs.models import ATTEMPTS_MAX, DONE_SQL, INSIGHTS_PER_JOB, NOTHING_TO_SAY, JobState

SETTLING_RETRY_S = 30

log = structlog.get_logger()


class Guard(StrEnum):
    """What must hold, under the locks, for a job to be ended by this caller."""

    FENCE = "fence"
    """Its worker: running under the claim's fence."""
    ABANDONED = "abandoned"
    """Rescue: the lease of the last attempt is over."""
    OVERDUE = "overdue"
    """Cleanup: the reservation expired, and no worker holds a lease."""
    WITHDRAWN = "withdrawn"
    """The user: queued or running, under any lease."""
    UNPAID = "unpaid"
    """Retry payment, an operator or a deletion: six insights are done, the charge failed."""


@dataclass(frozen=True, slots=True)
class Ending:
    """`otherwise` is the job's state when not all six are done; None leaves it alone."""

    user_id: str
    job_id: UUID
    guard: Guard
    otherwise: JobState | None
    fence: int | None = None
    captures: bool = True
    """False gives the coins back even when six are done: the user withdrew."""
    error_code: str | None = None
    reason: str | None = None


_COINS: dict[JobState, ReservationState] = {
    JobState.SUCCEEDED: ReservationState.CAPTURED,
    JobState.FAILED: ReservationState.RELEASED,
    JobState.CANCELLED: ReservationState.RELEASED,
    JobState.EXPIRED: ReservationState.EXPIRED,
}


Ended = dict[JobRef, JobState | Skipped]
"""Without those whose guard did not hold."""


async def settle_free(
    endings: Sequence[Ending], *, step: Step = Step.SETTLE
) -> list[JobState | Skipped | None]:
    """Ends these jobs in one transaction; the state of each, None if its guard did not hold.

    It waits for no lock: a job whose account, row or reservation is locked is skipped.
    """

    async def settle(connection: DriverConnection) -> Ended:
        free = await CreditService(connection).lock_free_accounts(one.user_id for one in endings)
        ended: Ended = {
            (one.user_id, one.job_id): SKIPPED for one in endings if one.user_id not in free
        }
        return ended | await _end_jobs(
            connection, [one for one in endings if one.user_id in free], Locking.SKIP
        )

    ended = await in_driver_transaction(settle, step=step)
    return [ended.get((ending.user_id, ending.job_id)) for ending in endings]


async def settle_waiting(ending: Ending) -> JobState | None:
    """Ends one job; waits a moment for its locks. Raises Unavailable when that is not enough."""

    async def settle(connection: AsyncConnection) -> dict[JobRef, JobState]:
        await wait_at_most(connection, ms=LOCK_WAIT_MS)
        await CreditService(connection).lock_accounts([ending.user_id])
        return await end_jobs(connection, [ending])

    ended = await in_transaction(settle, step=Step.SETTLE, attempts_max=1)
    return ended.get((ending.user_id, ending.job_id))


async def end_jobs(
    connection: AsyncConnection, endings: Sequence[Ending]
) -> dict[JobRef, JobState]:
    """Ends these jobs and moves their coins; the caller has locked their accounts."""
    ended = await _end_jobs(connection, endings, Locking.WAIT)
    return {job: state for job, state in ended.items() if isinstance(state, JobState)}


async def _end_jobs(
    connection: AsyncConnection | DriverConnection, endings: Sequence[Ending], locking: Locking
) -> Ended:
    ended = await connection.execute(
        _END[locking],
        {
            "user_ids": [ending.user_id for ending in endings],
            "ids": [ending.job_id for ending in endings],
            "guards": [ending.guard.value for ending in endings],
            "fences": [ending.fence for ending in endings],
            "captures": [ending.captures for ending in endings],
            "others": [ending.otherwise for ending in endings],
            "error_codes": [ending.error_code for ending in endings],
        },
    )
    rows = ended.all()
    found = {
        (row.user_id, row.id): JobState(row.state) if row.state else SKIPPED
        for row in rows
        if row.state or not row.is_locked
    }
    reasons = {(one.user_id, one.job_id): one.reason for one in endings}
    settlements = [_settlement(row, reasons[row.user_id, row.id]) for row in rows if row.state]
    settled = await CreditService(connection).settle(settlements)
    if len(settled) != len(settlements):
        raise RuntimeError("a job was ended whose reservation was settled before")
    return found


async def settle_alone(ending: Ending, *, step: Step) -> JobState | Skipped | None:
    """Ends a job without a lease; its new state, None if its guard did not hold.

    SKIPPED if another transaction has locked it: it is left to the next time. What the database
    refuses is logged, put aside if it is a charge, and None too: one such job must not hold up the
    others. Raises what may pass when it is tried again.
    """
    try:
        (state,) = await settle_free([ending], step=step)
    except Exception as error:
        if is_transient(error):
            raise
        log.exception("job.settle_refused", user_id=ending.user_id, job_id=str(ending.job_id))
    else:
        return state
    try:
        await postpone_payment(ending.user_id, ending.job_id, error_code="charge_refused")
    except Locked:
        return SKIPPED
    return None


async def postpone_payment(
    user_id: str, job_id: UUID, *, error_code: str, fence: int | None = None
) -> bool:
    """Six insights are done but their charge was refused: `settling`, for retry_payment to charge.

    A transaction of its own; no lease is kept. With `fence`, for the worker that holds it;
    without, only if no worker holds its lease. False if that is not so, or not all are done.
    Raises Locked while another transaction keeps the job.
    """

    async def postpone(connection: AsyncConnection) -> bool:
        await wait_at_most(connection, ms=LOCK_WAIT_MS)
        postponed = await connection.execute(
            _POSTPONE,
            {
                "user_id": user_id,
                "id": job_id,
                "fence": fence,
                "delay_s": SETTLING_RETRY_S,
                "error_code": error_code,
            },
        )
        return postponed.first() is not None

    return await in_transaction(postpone, step=Step.POSTPONE)


def _settlement(row: Any, reason: str | None) -> Settlement:
    """The coins of a job that has just ended: what is charged, and why the rest comes back."""
    state = JobState(row.state)
    if state is JobState.SUCCEEDED or row.error_code == NOTHING_TO_SAY:
        reason = NOTHING_TO_SAY
    elif state in (JobState.EXPIRED, JobState.CANCELLED):
        reason = state.value
    else:
        reason = reason or row.error_code
    return Settlement(row.user_id, row.id, _COINS[state], captured=row.charged, reason=reason)


# Of a job's insights: how many are done, and how many of those are completed.
_COUNTED = f"""
    CROSS JOIN LATERAL (
        SELECT count(*) AS done, count(*) FILTER (WHERE n.state = 'completed') AS completed
        FROM insights n
        WHERE n.user_id = j.user_id AND n.job_id = j.id AND n.{DONE_SQL}
    ) six
"""

_ASKED = "FROM jobs j JOIN ending e USING (user_id, id) JOIN reservations r USING (user_id, id)"
_IS_GUARDED = f"""
    CASE e.guard
        WHEN 'fence' THEN j.state = 'running' AND j.fence = e.fence
        WHEN 'abandoned' THEN
            j.state = 'running' AND {LEASE_OVER} AND j.attempt >= {ATTEMPTS_MAX}
        WHEN 'overdue' THEN
            r.state = 'held' AND r.expires_at <= clock_timestamp()
            AND (j.state = 'queued' OR (j.state = 'running' AND {LEASE_OVER}))
        WHEN 'withdrawn' THEN j.state IN ('queued', 'running')
        WHEN 'unpaid' THEN j.state = 'settling'
        ELSE false END
"""

_END = each_locking(
    lambda locking: (
        f"""
    WITH ending AS (
        SELECT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:guards AS text[]),
            CAST(:fences AS bigint[]), CAST(:captures AS boolean[]), CAST(:others AS text[]),
            CAST(:error_codes AS text[])
        ) AS t (user_id, id, guard, fence, captures, otherwise, error_code)
    ), guarded AS (
        SELECT j.user_id, j.id {_ASKED} WHERE {_IS_GUARDED}
    ), locked AS (
        SELECT j.user_id, j.id,
               j.price_coins * six.completed / {INSIGHTS_PER_JOB} AS charged,
               CASE WHEN NOT e.captures OR six.done < {INSIGHTS_PER_JOB} THEN e.otherwise
                    WHEN six.completed >= 1 THEN 'succeeded' ELSE 'failed' END AS outcome,
               CASE WHEN NOT e.captures OR six.done < {INSIGHTS_PER_JOB} THEN e.error_code
                    WHEN six.completed < 1 THEN '{NOTHING_TO_SAY}' END AS error_code
        {_ASKED} {_COUNTED} WHERE {_IS_GUARDED}
        ORDER BY j.user_id, j.id
        FOR NO KEY UPDATE OF j, r {locking}
    ), ended AS (
        UPDATE jobs j
        SET state = l.outcome, finished_at = clock_timestamp(), lease_until = NULL,
            attempt_until = NULL, next_run_at = NULL, version = j.version + 1,
            error_code = l.error_code
        FROM locked l
        WHERE j.user_id = l.user_id AND j.id = l.id AND l.outcome IS NOT NULL
        RETURNING j.user_id, j.id, j.state, j.error_code, l.charged
    )
    SELECT g.user_id, g.id, e.state, e.error_code, e.charged, l.id IS NOT NULL AS is_locked
    FROM guarded g LEFT JOIN locked l USING (user_id, id) LEFT JOIN ended e USING (user_id, id)
"""
    )
)

_POSTPONE = text(f"""
    UPDATE jobs j
    SET state = 'settling', lease_until = NULL, version = version + 1, error_code = :error_code,
        next_run_at = clock_timestamp() + make_interval(secs => :delay_s)
    WHERE user_id = :user_id AND id = :id
      AND (SELECT count(*) FROM insights n
           WHERE n.user_id = j.user_id AND n.job_id = j.id AND n.{DONE_SQL}) = {INSIGHTS_PER_JOB}
      AND CASE WHEN CAST(:fence AS bigint) IS NULL
          THEN j.state = 'queued' OR (j.state = 'running' AND {LEASE_OVER})
          ELSE j.state = 'running' AND j.fence = CAST(:fence AS bigint) END
    RETURNING id
""")
