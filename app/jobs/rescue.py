"""Rescue: finding, in the database alone, what no wake-up will start.

It selects and never claims: its finds go to the worker as wake-ups, so that the limits and the
drain of the worker hold for them too. It needs no Redis.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Self

import structlog
from sqlalchemy import TextClause, text

from app.db import read_rows
from app.driver import DriverRows
from app.errors import TooSlow
from app.faults import Step
from app.jobs.horizon import Horizon
from app.jobs.leases import CLOCK_JUMP_S, IS_PREPARED, JobRef
from app.jobs.models import ATTEMPTS_MAX, JobState
from app.jobs.settle import Ending, Guard, settle_alone
from app.jobs.spending import count_uncharged

UNHEARD_S = 0.5
"""A queued job this young is left to its wake-up."""
ABANDONED_MAX = 200
UNSEEN = timedelta(minutes=2)
"""So far back goes the first look where one through everything takes too long."""

log = structlog.get_logger()


async def find_due_jobs(
    limit: int,
    *,
    expires_s: float,
    only_prepared: bool = False,
    horizon: Horizon | None = None,
) -> list[JobRef]:
    """At most `limit` jobs that wait for an attempt or whose lease is over, oldest first.

    `only_prepared`: none whose chat has to be prepared first. Coins are held for
    `expires_s` seconds: only of jobs older than that the reservation is looked up, lest overdue
    ones, which no claim takes, hide the others behind them.
    """
    rows = await _look(_due(1 << (limit - 1).bit_length(), expires_s, only_prepared), horizon)
    return [(row.user_id, row.id) for row in rows][:limit]


async def end_abandoned_jobs(horizon: Horizon | None = None) -> int:
    """Ends jobs whose last attempt lost its lease: a job that kills its workers ends here.

    Jobs whose six insights are done are charged, the coins of others released. How many it ended.
    """
    ended = 0
    for row in await _look(_ABANDONED, horizon):
        ending = Ending(
            row.user_id,
            row.id,
            Guard.ABANDONED,
            JobState.FAILED,
            error_code="attempts_exhausted",
            reason="attempts_exhausted",
        )
        state = await settle_alone(ending, step=Step.ABANDON)
        if isinstance(state, JobState):
            ended += 1
            log.warning("job.abandoned", user_id=row.user_id, job_id=str(row.id), outcome=state)
            await count_uncharged(row.user_id, row.id, state)
    return ended


async def _look(query: "_Query", horizon: Horizon | None) -> list[Any]:
    """The jobs that are due, from the horizon on."""
    horizon = horizon or Horizon()
    since, started = horizon.since(), time.monotonic()
    try:
        rows = await _rows(query, since)
    except TooSlow:  # Some of it is looked through in any case.
        (now,) = await read_rows(_NOW, {})
        horizon.note(now.moment - UNSEEN, since=since, took_s=time.monotonic() - started)
        rows = await _rows(query, horizon.since())
    *found, now = rows
    oldest = min([now.due_at, *(row.due_at for row in found)])
    horizon.note(oldest, since=since, took_s=time.monotonic() - started)
    return found


async def _rows(query: "_Query", since: datetime | None) -> DriverRows:
    if since is None:
        return await read_rows(query.of_all, {})
    return await read_rows(query.recent, {"since": since})


@dataclass(frozen=True, slots=True)
class _Query:
    """Jobs, the oldest first, and since when each is due; at last a row that tells the time.

    `recent` looks at what is due `:since` then. The other values are written into the statements:
    PostgreSQL keeps the plan of one without parameters, and to plan these takes longer than to run
    them.
    """

    of_all: TextClause
    recent: TextClause

    @classmethod
    def of(cls, branches: Callable[[Callable[[str], str]], str]) -> Self:
        def statement(since: Callable[[str], str]) -> TextClause:
            return text(f"""
                {branches(since)}
                UNION ALL
                SELECT NULL, NULL, statement_timestamp()
            """)

        return cls(
            statement(lambda _column: "true"),
            statement(lambda column: f"{column} >= CAST(:since AS timestamptz)"),
        )


@cache
def _due(limit: int, expires_s: float, only_prepared: bool) -> _Query:
    """The query of `find_due_jobs`.

    Each branch is driven by an index of the jobs and ends at `limit`, however many wait behind.
    """
    now = "statement_timestamp()"
    # A value that is looked up, and no EXISTS: of that the planner may read all reservations.
    is_open = f"""
        j.attempt < {ATTEMPTS_MAX}
        AND (j.created_at > {now} - make_interval(secs => {expires_s})
             OR {now} < (SELECT r.expires_at FROM reservations r
                         WHERE r.user_id = j.user_id AND r.id = j.id))
    """
    if only_prepared:
        is_open += f" AND {IS_PREPARED}"
    return _Query.of(
        lambda since: (
            f"""
        (SELECT j.user_id, j.id, j.next_run_at AS due_at FROM jobs j
         WHERE j.state = 'queued' AND {is_open} AND {since("j.next_run_at")}
           AND j.next_run_at <= {now} - make_interval(secs => {UNHEARD_S})
         ORDER BY j.next_run_at LIMIT {limit})
        UNION ALL
        (SELECT j.user_id, j.id, j.lease_until FROM jobs j
         WHERE j.lease_until <= {now} AND {is_open} AND {since("j.lease_until")}
         ORDER BY j.lease_until LIMIT {limit})
        UNION ALL
        (SELECT j.user_id, j.id, {now} FROM jobs j
         WHERE j.lease_until > {now} + interval '90 s' AND {is_open} LIMIT {limit})
        UNION ALL
        (SELECT j.user_id, j.id, {now} FROM jobs j
         WHERE j.state = 'queued' AND {is_open}
           AND j.next_run_at > {now} + make_interval(secs => {CLOCK_JUMP_S}) LIMIT {limit})
        """
        )
    )


_ABANDONED = _Query.of(
    lambda since: (
        f"""
    (SELECT user_id, id, lease_until AS due_at FROM jobs
     WHERE attempt >= {ATTEMPTS_MAX}
       AND lease_until <= statement_timestamp() AND {since("lease_until")}
     ORDER BY lease_until LIMIT {ABANDONED_MAX})
    UNION ALL
    (SELECT user_id, id, statement_timestamp() FROM jobs
     WHERE attempt >= {ATTEMPTS_MAX} AND lease_until > statement_timestamp() + interval '90 s'
     LIMIT {ABANDONED_MAX})
    """
    )
)

_NOW = text("SELECT statement_timestamp() AS moment")
