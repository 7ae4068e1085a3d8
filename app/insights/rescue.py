"""Rescue: finding, in the database alone, what no wake-up will start.

It selects and never claims: its finds go to the worker as wake-ups, so that the limits and the
drain of the worker hold for them too. It needs no Redis.
"""

import structlog
from sqlalchemy import text

from app.db import lone_read
from app.faults import Step
from app.insights.claim import LEAP_S, JobRef
from app.insights.models import ATTEMPTS_MAX, JobState
from app.insights.settle import Ending, Guard, settle_alone
from app.insights.spending import count_uncharged

UNHEARD_S = 0.5
"""A queued job this young is left to its wake-up."""
ABANDONED_MAX = 200

log = structlog.get_logger()


async def find_due_jobs(limit: int, *, expires_s: float) -> list[JobRef]:
    """At most `limit` jobs that wait for an attempt or whose lease is over, oldest first.

    Coins are held for `expires_s` seconds: only of jobs older than that the reservation is
    looked up, lest overdue ones, which no claim takes, hide the others behind them.
    """
    async with lone_read() as connection:
        rows = await connection.execute(
            _DUE, {"limit": limit, "unheard_s": UNHEARD_S, "expires_s": expires_s}
        )
        return [(row.user_id, row.id) for row in rows]


async def end_abandoned_jobs() -> int:
    """Ends jobs whose last attempt lost its lease: a job that kills its workers ends here.

    Six completed insights are charged, fewer are released. How many it ended.
    """
    async with lone_read() as connection:
        rows = (await connection.execute(_ABANDONED, {"limit": ABANDONED_MAX})).all()
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
        if state is not None:
            ended += 1
            log.warning("job.abandoned", user_id=row.user_id, job_id=str(row.id), outcome=state)
            await count_uncharged(row.user_id, row.id, state)
    return ended


# A value that is looked up, and no EXISTS: of that the planner may read all reservations.
_OPEN = """
    (j.created_at > statement_timestamp() - make_interval(secs => :expires_s)
     OR statement_timestamp() < (SELECT r.expires_at FROM reservations r
                                 WHERE r.user_id = j.user_id AND r.id = j.id))
"""

# Each branch is driven by an index of the jobs and ends at :limit, however many wait behind.
_DUE = text(f"""
    (SELECT j.user_id, j.id FROM jobs j
     WHERE j.state = 'queued' AND j.attempt < {ATTEMPTS_MAX} AND {_OPEN}
       AND j.next_run_at <= statement_timestamp() - make_interval(secs => :unheard_s)
     ORDER BY j.next_run_at LIMIT :limit)
    UNION ALL
    (SELECT j.user_id, j.id FROM jobs j
     WHERE j.lease_until <= statement_timestamp() AND j.attempt < {ATTEMPTS_MAX} AND {_OPEN}
     ORDER BY j.lease_until LIMIT :limit)
    UNION ALL
    (SELECT j.user_id, j.id FROM jobs j
     WHERE j.lease_until > statement_timestamp() + interval '90 s'
       AND j.attempt < {ATTEMPTS_MAX} AND {_OPEN}
     LIMIT :limit)
    UNION ALL
    (SELECT j.user_id, j.id FROM jobs j
     WHERE j.state = 'queued' AND j.attempt < {ATTEMPTS_MAX} AND {_OPEN}
       AND j.next_run_at > statement_timestamp() + make_interval(secs => {LEAP_S})
     LIMIT :limit)
    LIMIT :limit
""")  # noqa: S608 (constants of this package)

_ABANDONED = text(f"""
    SELECT user_id, id FROM jobs
    WHERE attempt >= {ATTEMPTS_MAX}
      AND (lease_until <= statement_timestamp()
           OR lease_until > statement_timestamp() + interval '90 s')
    LIMIT :limit
""")  # noqa: S608 (a constant of this package)
