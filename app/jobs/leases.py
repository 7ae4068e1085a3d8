"""Leases: who works on a job, for how long, and how that ends without a result.

A claim bumps the job's fence; whatever the claimant writes later names that fence. All times
come from the database's clock. Statements over several jobs lock them in order of
(user_id, id) and touch no account.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.chats.key_storage import key_columns, key_join
from app.db import in_driver_transaction, in_statement, in_transaction, wait_at_most
from app.driver import DriverConnection
from app.faults import Step
from app.generation.context import VERSION
from app.group_commit import SKIPPED, Skipped
from app.jobs.models import ATTEMPTS_MAX, DONE_SQL

ATTEMPT_CLEANUP_S = 10
"""After the attempt's time is up, this long its cleanup may still write."""

LEASE_OVER = (
    "(j.lease_until <= clock_timestamp()"
    " OR j.lease_until > clock_timestamp() + make_interval(secs => 90))"
)
"""Also a lease that lies further ahead than any can: the database's clock jumped back."""

REQUEUE_MAX_S = 900
"""A job waits no longer for its next attempt, whatever a provider asks for."""
CLOCK_JUMP_S = 2 * REQUEUE_MAX_S
_NEXT_RUN_IS_DUE = (
    "(j.next_run_at <= clock_timestamp()"
    f" OR j.next_run_at > clock_timestamp() + make_interval(secs => {CLOCK_JUMP_S}))"
)
"""Here too what lies further ahead than it can was written before the clock jumped back."""

DUE = (
    f"((j.state = 'queued' AND {_NEXT_RUN_IS_DUE}) OR (j.state = 'running' AND {LEASE_OVER}))"
    f" AND j.attempt < {ATTEMPTS_MAX}"
)
IS_PREPARED = f"""(
    EXISTS (SELECT FROM prepared_chats p
            WHERE p.user_id = j.user_id AND p.chat_id = j.chat_id AND p.version = '{VERSION}')
    OR NOT EXISTS (SELECT FROM chats c WHERE c.user_id = j.user_id AND c.id = j.chat_id)
)"""
"""Whether nothing has to be prepared before the job can run."""

NONE_DONE: frozenset[int] = frozenset()

LOCK_WAIT_MS = 250
"""For a row that another transaction has locked; then it is another one's turn to wait."""


class Locking(StrEnum):
    """What a statement does about rows that another transaction has locked."""

    SKIP = "SKIP LOCKED"
    """It leaves them out: the others of its batch do not wait."""
    WAIT = ""


JobRef = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds a claim holds, and seconds an attempt may take."""

    lease_s: float
    attempt_s: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A job this process works on, as it was when claimed."""

    user_id: str
    job_id: UUID
    fence: int
    attempt: int
    chat_id: UUID
    category: str
    language: str | None
    prompt_version: int
    content_hmac: bytes
    done: frozenset[int]
    """Ordinals of the insights that an earlier attempt completed, or found empty."""
    may_adopt: bool
    """Whether an unsuccessful job of the same chat and category came before."""
    message_count: int | None
    """None when the chat is gone; so are `key_id` and `sealed_key` then."""
    key_id: str | None
    sealed_key: bytes | None = field(repr=False)
    sent_at: float
    """`time.monotonic()` just before the claim was sent: the lease is no older than this."""

    @property
    def held(self) -> "HeldLease":
        return HeldLease(self.user_id, self.job_id, self.fence)


@dataclass(frozen=True, slots=True)
class HeldLease:
    user_id: str
    job_id: UUID
    fence: int


@dataclass(frozen=True, slots=True)
class Requeue:
    """Another attempt after `delay_s` seconds, REQUEUE_MAX_S at most.

    `give_back` when this one was no failure.
    """

    lease: HeldLease
    delay_s: float
    give_back: bool
    error_code: str | None = None


async def claim_jobs(
    asked: Sequence[JobRef], times: LeaseTimes, *, only_prepared: bool = True
) -> list[Claim | None]:
    """Claims those of `asked` that are due; None for a job that is not, or is another worker's,
    or whose chat is not prepared."""

    tried: list[Any] = []

    async def claim(connection: DriverConnection) -> list[Any]:
        # A repeat cannot claim what an earlier try did, whose reply to COMMIT was lost.
        kept = await _committed(connection, tried) if tried else []
        claimed = await connection.execute(
            _CLAIM,
            {
                "user_ids": [user_id for user_id, _ in asked],
                "ids": [job_id for _, job_id in asked],
                "lease_s": times.lease_s,
                "attempt_s": times.attempt_s + ATTEMPT_CLEANUP_S,
                "only_prepared": only_prepared,
            },
        )
        rows = list(claimed.all())
        tried.extend(rows)
        return kept + rows

    sent_at = time.monotonic()
    rows = await in_driver_transaction(claim, step=Step.CLAIM)
    claims = {(row.user_id, row.id): _claim(row, sent_at) for row in rows}
    # Two wake-ups of one job in one batch: the first takes it.
    return [claims.pop(job, None) for job in asked]


async def renew_leases(
    held: Sequence[HeldLease], times: LeaseTimes, *, locking: Locking = Locking.SKIP
) -> list[bool | Skipped]:
    """Renews each lease that is still held under its fence; False for a lost one."""
    values = _leases(held) | {"lease_s": times.lease_s}
    rows = await write_held(_RENEW, values, step=Step.RENEW, locking=locking)
    return held_outcomes(held, rows)


async def requeue_jobs(
    requeues: Sequence[Requeue], *, locking: Locking = Locking.SKIP
) -> list[bool | Skipped]:
    """Gives up these leases so that any worker may start the jobs; False for a lost one."""
    leases = [one.lease for one in requeues]
    values = _leases(leases) | {
        "delays": [one.delay_s for one in requeues],
        "given_back": [int(one.give_back) for one in requeues],
        "error_codes": [one.error_code for one in requeues],
    }
    rows = await write_held(_REQUEUE, values, step=Step.REQUEUE, locking=locking)
    return held_outcomes(leases, rows)


async def write_held(
    statements: Mapping[Locking, TextClause],
    values: Mapping[str, Any],
    *,
    step: Step,
    locking: Locking,
) -> Sequence[Any]:
    """The rows of a statement that writes to jobs under their leases, committed.

    A batch is its own transaction; what waits for a lock has one with a limit.
    """
    if locking is Locking.SKIP:
        return await in_statement(statements[locking], values, step=step)

    async def write(connection: AsyncConnection) -> Sequence[Any]:
        await wait_at_most(connection, ms=LOCK_WAIT_MS)
        return (await connection.execute(statements[locking], values)).all()

    return await in_transaction(write, step=step, attempts_max=1)


def held_outcomes(held: Sequence[HeldLease], rows: Iterable[Any]) -> list[bool | Skipped]:
    """Of each lease: written, lost (no row tells of it), or skipped."""
    found = {(row.user_id, row.id): row.is_written for row in rows}
    outcomes = {True: True, False: SKIPPED, None: False}
    return [outcomes[found.get((lease.user_id, lease.job_id))] for lease in held]


def each_locking(statement: Callable[[Locking], str]) -> dict[Locking, TextClause]:
    """The statement in both forms."""
    return {locking: text(statement(locking)) for locking in Locking}


async def _committed(connection: DriverConnection, tried: Sequence[Any]) -> list[Any]:
    """Those rows of earlier tries whose transaction went through."""
    found = await connection.execute(_COMMITTED, {"xids": list({row.xid for row in tried})})
    committed = {row.xid for row in found}
    return [row for row in tried if row.xid in committed]


def _leases(held: Sequence[HeldLease]) -> dict[str, Any]:
    return {
        "user_ids": [lease.user_id for lease in held],
        "ids": [lease.job_id for lease in held],
        "fences": [lease.fence for lease in held],
    }


def _claim(row: Any, sent_at: float) -> Claim:
    return Claim(
        user_id=row.user_id,
        job_id=row.id,
        fence=row.fence,
        attempt=row.attempt,
        chat_id=row.chat_id,
        category=row.category,
        language=row.language,
        prompt_version=row.prompt_version,
        content_hmac=row.content_hmac,
        done=frozenset(row.done) if row.done else NONE_DONE,
        may_adopt=row.may_adopt,
        message_count=row.message_count,
        key_id=row.key_id,
        sealed_key=row.sealed_key,
        sent_at=sent_at,
    )


_CLAIM = text(f"""
    WITH asked AS (
        SELECT DISTINCT * FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[]))
            AS t (user_id, id)
    ), due AS (
        SELECT j.user_id, j.id
        FROM jobs j JOIN asked USING (user_id, id) JOIN reservations r USING (user_id, id)
        WHERE {DUE} AND r.state = 'held' AND r.expires_at > clock_timestamp()
          AND (NOT :only_prepared OR {IS_PREPARED})
        ORDER BY j.user_id, j.id
        FOR NO KEY UPDATE OF j SKIP LOCKED
    ), claimed AS (
        UPDATE jobs j
        SET state = 'running', fence = j.fence + 1, attempt = j.attempt + 1,
            lease_until = clock_timestamp() + make_interval(secs => :lease_s),
            attempt_until = clock_timestamp() + make_interval(secs => :attempt_s),
            next_run_at = NULL, started_at = coalesce(j.started_at, clock_timestamp()),
            version = j.version + 1, error_code = NULL
        FROM due WHERE j.user_id = due.user_id AND j.id = due.id
        RETURNING j.*
    ), again AS (
        UPDATE insights n SET state = 'queued', error_code = NULL
        FROM (
            SELECT n.user_id, n.job_id, n.ord FROM insights n
            JOIN claimed c ON n.user_id = c.user_id AND n.job_id = c.id
            WHERE c.fence > 1 AND n.state = 'failed'
            ORDER BY n.user_id, n.job_id, n.ord
            FOR NO KEY UPDATE OF n SKIP LOCKED
        ) f
        WHERE n.user_id = f.user_id AND n.job_id = f.job_id AND n.ord = f.ord
    )
    SELECT CAST(pg_current_xact_id() AS text) AS xid, c.user_id, c.id, c.fence, c.attempt,
           c.chat_id, c.category, c.language, c.prompt_version, c.content_hmac,
           chat.message_count, {key_columns("chat")},
           ARRAY(SELECT n.ord FROM insights n
                 WHERE n.user_id = c.user_id AND n.job_id = c.id AND n.{DONE_SQL}) AS done,
           EXISTS (SELECT FROM jobs earlier
                   WHERE earlier.user_id = c.user_id AND earlier.chat_id = c.chat_id
                     AND earlier.category = c.category
                     AND earlier.state IN ('failed', 'cancelled', 'expired')) AS may_adopt
    FROM claimed c LEFT JOIN chats chat ON chat.user_id = c.user_id AND chat.id = c.chat_id
    {key_join("chat")}
""")

_COMMITTED = text("""
    SELECT xid FROM unnest(CAST(:xids AS text[])) AS tried (xid)
    WHERE pg_xact_status(CAST(xid AS xid8)) = 'committed'
""")


def held_ctes(locking: Locking, *, also: str = "true") -> str:
    """CTEs over `asked (user_id, id, fence)`: `present` are the jobs whose lease is held, read
    without a lock; `held` those of them that are locked now."""
    is_held = f"j.state = 'running' AND j.fence = a.fence AND {also}"
    return f"""
        present AS (
            SELECT j.user_id, j.id FROM jobs j JOIN asked a USING (user_id, id) WHERE {is_held}
        ), held AS (
            SELECT j.user_id, j.id, j.prompt_version FROM jobs j JOIN asked a USING (user_id, id)
            WHERE {is_held}
            ORDER BY j.user_id, j.id
            FOR NO KEY UPDATE OF j {locking}
        )
    """


HELD_OUTCOMES = """
    SELECT p.user_id, p.id, h.id IS NOT NULL AS is_written
    FROM present p LEFT JOIN held h USING (user_id, id)
"""

_RENEW = each_locking(
    lambda locking: (
        f"""
    WITH asked AS (
        SELECT DISTINCT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:fences AS bigint[])
        ) AS t (user_id, id, fence)
    ), {held_ctes(locking, also="j.attempt_until > clock_timestamp()")}, renewed AS (
        UPDATE jobs j
        SET lease_until = least(
            clock_timestamp() + make_interval(secs => :lease_s), j.attempt_until
        )
        FROM held WHERE j.user_id = held.user_id AND j.id = held.id
    )
    {HELD_OUTCOMES}
"""
    )
)

_REQUEUE = each_locking(
    lambda locking: (
        f"""
    WITH asked AS (
        SELECT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:fences AS bigint[]),
            CAST(:delays AS float8[]), CAST(:given_back AS int[]), CAST(:error_codes AS text[])
        ) AS t (user_id, id, fence, delay_s, given_back, error_code)
    ), {held_ctes(locking)}, requeued AS (
        UPDATE jobs j
        SET state = 'queued', attempt = j.attempt - a.given_back, lease_until = NULL,
            attempt_until = NULL, version = j.version + 1, error_code = a.error_code,
            next_run_at = clock_timestamp()
                + make_interval(secs => least(a.delay_s, {REQUEUE_MAX_S}))
        FROM held JOIN asked a USING (user_id, id)
        WHERE j.user_id = held.user_id AND j.id = held.id
    )
    {HELD_OUTCOMES}
"""
    )
)
