"""Rescue: finding, in the database alone, what no wake-up will start.

It selects and never claims: its finds go to the worker as wake-ups, so that the limits and the
drain of the worker hold for them too. It needs no Redis.
"""

from functools import cache

import structlog
from sqlalchemy import TextClause, text

from app.db import lone_read
from app.faults import Step
from app.jobs.leases import CLOCK_JUMP_S, IS_PREPARED, JobRef
from app.jobs.models import ATTEMPTS_MAX, JobState
from app.jobs.settle import Ending, Guard, settle_alone
from app.jobs.spending import count_uncharged

UNHEARD_S = 0.5
"""A queued job this young is left to its wake-up."""
ABANDONED_MAX = 200

log = structlog.get_logger()


async def find_due_jobs(
    limit: int, *, expires_s: float, only_prepared: bool = False
) -> list[JobRef]:
    """At most `limit` jobs that wait for an attempt or whose lease is over, oldest first.

    `only_prepared`: none whose chat has to be prepared first. Coins are held for
    `expires_s` seconds: only of jobs older than that the reservation is looked up, lest overdue
    ones, which no claim takes, hide the others behind them.
    """
    async with lone_read() as connection:
        rows = await connection.execute(
            _due(1 << (limit - 1).bit_length(), expires_s, only_prepared)
        )
        return [(row.user_id, row.id) for row in rows][:limit]


async def end_abandoned_jobs() -> int:
    """Ends jobs whose last attempt lost its lease: a job that kills its workers ends here.

    Jobs whose six insights are done are charged, the coins of others released. How many it ended.
    """
    async with lone_read() as connection:
        rows = (await connection.execute(_ABANDONED)).all()
    ended = 0
    for row in rows:
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


@cache
def _due(limit: int, expires_s: float, only_prepared: bool) -> TextClause:
    """The query of `find_due_jobs`. Its values are written into it: PostgreSQL keeps the plan of a
    statement without parameters, and to plan this one takes longer than to run it.

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
    return text(f"""
        (SELECT j.user_id, j.id FROM jobs j
         WHERE j.state = 'queued' AND {is_open}
           AND j.next_run_at <= {now} - make_interval(secs => {UNHEARD_S})
         ORDER BY j.next_run_at LIMIT {limit})
        UNION ALL
        (SELECT j.user_id, j.id FROM jobs j
         WHERE j.lease_until <= {now} AND {is_open}
         ORDER BY j.lease_until LIMIT {limit})
        UNION ALL
        (SELECT j.user_id, j.id FROM jobs j
         WHERE j.lease_until > {now} + interval '90 s' AND {is_open} LIMIT {limit})
        UNION ALL
        (SELECT j.user_id, j.id FROM jobs j
         WHERE j.state = 'queued' AND {is_open}
           AND j.next_run_at > {now} + make_interval(secs => {CLOCK_JUMP_S}) LIMIT {limit})
        LIMIT {limit}
    """)


_ABANDONED = text(f"""
    SELECT user_id, id FROM jobs
    WHERE attempt >= {ATTEMPTS_MAX}
      AND (lease_until <= statement_timestamp()
           OR lease_until > statement_timestamp() + interval '90 s')
    LIMIT {ABANDONED_MAX}
""")
