"""Periodic work, driven by rows: idempotent, safe with two schedulers and with none.

The scheduler makes sweeps punctual. Rescue runs one whose row in `sweeps` is overdue, so they
happen even when the scheduler, or Redis, is gone.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.chats.key_storage import count_late_erasures, erase_deleted_keys
from app.chats.storage import RETENTION_DAYS
from app.db import in_transaction, is_transient, snapshot
from app.errors import Locked, NotFound, TooSlow, Unavailable
from app.faults import Step
from app.jobs.chat_deletion import delete_chat
from app.jobs.leases import LEASE_OVER, JobRef
from app.jobs.models import JobState
from app.jobs.settle import Ending, Guard, settle_alone
from app.jobs.spending import count_uncharged

CLEANUP_PERIOD_S = 300
RETRY_PAYMENT_PERIOD_S = 60
RETENTION_PERIOD_S = 3600
ERASURE_PERIOD_S = 60
ROWS_MAX = 1_000
"""Of one sweep; what is left over waits for the next."""
PAYMENT_GIVEN_UP_AFTER_S = 24 * 3600
PAYMENT_RETRY_MAX_S = 3600
CLOCK_JUMP_S = 2 * PAYMENT_RETRY_MAX_S
"""What lies further ahead than any pause between two tries: the clock jumped back since then."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sweep:
    period_s: int
    run: Callable[[], Awaitable[int]]


async def cleanup_expired_reservations() -> int:
    """Ends jobs whose reservation is overdue and that no worker holds; how many it ended.

    Jobs whose six insights are done are charged, others expire. The scan holds no lock; each job is
    a transaction of its own and rechecked under its locks.
    """
    await _note("cleanup_expired_reservations")
    ended = 0
    for user_id, job_id in await _scan(_OVERDUE):
        state = await settle_alone(
            Ending(
                user_id,
                job_id,
                Guard.OVERDUE,
                JobState.EXPIRED,
                error_code="expired",
                reason="expired",
            ),
            step=Step.CLEANUP,
        )
        if isinstance(state, JobState):
            ended += 1
            log.info("reservation.expired", user_id=user_id, job_id=str(job_id), outcome=state)
            await count_uncharged(user_id, job_id, state)
    return ended


async def retry_payment() -> int:
    """Charges jobs whose six insights are done but whose charge was refused; how many went through.

    A locked job stays due. A charge refused again waits longer (half its age, one minute to one
    hour); after a day it waits for an operator, or for the deletion of its chat.
    """
    await _note("retry_payment")
    charged = 0
    for user_id, job_id in await _scan(_UNPAID):
        ending = Ending(user_id, job_id, Guard.UNPAID, otherwise=None)
        state = await settle_alone(ending, step=Step.RETRY_PAYMENT)
        if isinstance(state, JobState):
            charged += 1
            log.info("payment.retried", user_id=user_id, job_id=str(job_id), outcome=state)
            await count_uncharged(user_id, job_id, state)
        elif state is None:
            await _postpone(user_id, job_id)
    return charged


async def delete_unused_chats() -> int:
    """Deletes chats unused for RETENTION_DAYS, as their users would; how many.

    Those of a user whose rows are locked wait for the next round.
    """
    await _note("delete_unused_chats")
    deleted = 0
    locked: set[str] = set()
    for user_id, chat_id in await _scan(_UNUSED):
        if user_id in locked:
            continue
        try:
            # Rechecked under the locks: an unlock meanwhile keeps its chat.
            await delete_chat(user_id, chat_id, unused_days=RETENTION_DAYS)
        except NotFound:
            continue  # Its user was quicker.
        except Locked:
            locked.add(user_id)
            continue
        except TooSlow:  # The others must not wait for one chat each time.
            log.warning("sweep.too_slow", user_id=user_id, chat_id=str(chat_id))
            continue
        except Exception as error:
            if is_transient(error):
                raise
            log.exception("sweep.refused", user_id=user_id, chat_id=str(chat_id))
            continue
        deleted += 1
        log.info("chat.retention_ended", user_id=user_id, chat_id=str(chat_id))
    return deleted


async def erase_keys() -> int:
    """Erases what keys of deleted chats have left on the disk; how many wait for too long."""
    await _note("erase_keys")
    late = 0 if await erase_deleted_keys() else await count_late_erasures()
    if late:
        log.error("keys.unerased", erasures=late)
    return late


SWEEPS: Mapping[str, Sweep] = {
    "delete_unused_chats": Sweep(RETENTION_PERIOD_S, delete_unused_chats),
    "cleanup_expired_reservations": Sweep(CLEANUP_PERIOD_S, cleanup_expired_reservations),
    "erase_keys": Sweep(ERASURE_PERIOD_S, erase_keys),
    "retry_payment": Sweep(RETRY_PAYMENT_PERIOD_S, retry_payment),
}


async def run_sweep(name: str) -> None:
    """Runs a sweep now; while the database is away it is left to the next time."""
    try:
        await SWEEPS[name].run()
    except Unavailable:
        log.warning("sweep.database_away", sweep=name)


async def run_overdue_sweeps() -> None:
    """Runs each sweep that has not run for one and a half of its periods, in one process."""
    for name, sweep in SWEEPS.items():
        if await _take_over(name, overdue_after_s=sweep.period_s * 1.5):
            log.info("sweep.overdue", sweep=name)
            await run_sweep(name)


async def _postpone(user_id: str, job_id: UUID) -> None:
    async def postpone(connection: AsyncConnection) -> bool | None:
        row = await connection.execute(
            _POSTPONE, {"user_id": user_id, "id": job_id, "given_up_s": PAYMENT_GIVEN_UP_AFTER_S}
        )
        return row.scalar()

    if await in_transaction(postpone, step=Step.PUT_OFF):
        log.error("payment.given_up", user_id=user_id, job_id=str(job_id))


async def _scan(query: TextClause) -> list[JobRef]:
    async with snapshot() as connection:
        rows = await connection.execute(query, {"rows_max": ROWS_MAX})
        return [(row.user_id, row.id) for row in rows]


async def _note(name: str) -> None:
    async def note(connection: AsyncConnection) -> None:
        await connection.execute(_NOTE, {"name": name})

    await in_transaction(note, step=Step.NOTE_SWEEP)


async def _take_over(name: str, *, overdue_after_s: float) -> bool:
    async def take(connection: AsyncConnection) -> bool:
        taken = await connection.execute(_TAKE_OVER, {"name": name, "after_s": overdue_after_s})
        return taken.first() is not None

    return await in_transaction(take, step=Step.TAKE_SWEEP)


_OVERDUE = text(f"""
    SELECT r.user_id, r.id FROM reservations r JOIN jobs j USING (user_id, id)
    WHERE r.state = 'held' AND r.expires_at <= statement_timestamp()
      AND (j.state = 'queued' OR (j.state = 'running' AND {LEASE_OVER}))
    ORDER BY r.expires_at LIMIT :rows_max
""")

_UNUSED = text(f"""
    SELECT user_id, id FROM chats
    WHERE used_at < statement_timestamp() - interval '{RETENTION_DAYS} days'
    ORDER BY used_at LIMIT :rows_max
""")

_UNPAID = text(f"""
    SELECT user_id, id FROM jobs
    WHERE state = 'settling'
      AND (next_run_at <= statement_timestamp()
           OR (next_run_at > statement_timestamp() + make_interval(secs => {CLOCK_JUMP_S})
               AND next_run_at < 'infinity'))
    ORDER BY next_run_at LIMIT :rows_max
""")

# A job's `attempt_until` stays as its last claim set it: its age tells how long charging fails.
_POSTPONE = text(f"""
    WITH job AS (
        SELECT user_id, id,
               extract(epoch FROM clock_timestamp() - coalesce(attempt_until, created_at)) AS age_s
        FROM jobs WHERE user_id = :user_id AND id = :id AND state = 'settling'
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE jobs j
    SET next_run_at = CASE WHEN job.age_s > :given_up_s THEN 'infinity'::timestamptz
        ELSE clock_timestamp()
             + make_interval(
                 secs => least({PAYMENT_RETRY_MAX_S}, greatest(60, job.age_s / 2))::float8) END
    FROM job WHERE j.user_id = job.user_id AND j.id = job.id
    RETURNING job.age_s > :given_up_s
""")

_NOTE = text("""
    INSERT INTO sweeps (name, ran_at) VALUES (:name, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET ran_at = EXCLUDED.ran_at
""")

# The first poll of a new database only starts the clock.
_TAKE_OVER = text("""
    INSERT INTO sweeps (name, ran_at) VALUES (:name, clock_timestamp())
    ON CONFLICT (name) DO UPDATE SET ran_at = EXCLUDED.ran_at
    WHERE sweeps.ran_at < clock_timestamp() - make_interval(secs => :after_s)
       OR sweeps.ran_at > clock_timestamp() + make_interval(secs => :after_s)
    RETURNING name
""")
