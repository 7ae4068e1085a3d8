"""The bill: what models cost and what coins came in, by day; exact sums of integers.

A job is on the bill of the day on which it ended (UTC), whole; one under way is not yet. Read
day by day in one snapshot: each day is a range of `ix_jobs_finished`, its jobs are summed one by
one and grouped into a few rows, so neither side's memory grows with the number of jobs.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.sql import EVERY_ROW
from app.db import snapshot
from app.jobs.models import INSIGHTS_PER_JOB

DAYS_MAX = 1_100
"""Of one bill: three years."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the jobs of a category that ended on `day` cost at one model.

    A job with insights of two models counts under both. `model` is None for insights that no
    model was asked for. What is wasted is part of the cost, by reason: calls, attempts and jobs
    that failed; finished insights of cancelled and of expired jobs, unless a later job that was
    charged took them over.
    """

    day: date
    model: str | None
    category: str
    jobs: int
    insights: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_microusd: int
    wasted_failed_microusd: int
    wasted_cancelled_microusd: int
    wasted_expired_microusd: int

    @property
    def wasted_microusd(self) -> int:
        return (
            self.wasted_failed_microusd
            + self.wasted_cancelled_microusd
            + self.wasted_expired_microusd
        )


@dataclass(frozen=True, slots=True)
class Earned:
    """Coins captured and refunded on `day` for jobs of a category, from the ledger."""

    day: date
    category: str
    captured_coins: int
    refunded_coins: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole bill."""

    insights: int
    tokens_in: int
    tokens_cached: int
    tokens_out: int
    cost_microusd: int
    wasted_failed_microusd: int
    wasted_cancelled_microusd: int
    wasted_expired_microusd: int
    captured_coins: int
    refunded_coins: int


@dataclass(frozen=True, slots=True)
class Bill:
    """From the beginning of the day `since`; ordered by day, category and model."""

    since: date
    costs: Sequence[Cost]
    earned: Sequence[Earned]

    @property
    def totals(self) -> Totals:
        return Totals(
            insights=sum(one.insights for one in self.costs),
            tokens_in=sum(one.tokens_in for one in self.costs),
            tokens_cached=sum(one.tokens_cached for one in self.costs),
            tokens_out=sum(one.tokens_out for one in self.costs),
            cost_microusd=sum(one.cost_microusd for one in self.costs),
            wasted_failed_microusd=sum(one.wasted_failed_microusd for one in self.costs),
            wasted_cancelled_microusd=sum(one.wasted_cancelled_microusd for one in self.costs),
            wasted_expired_microusd=sum(one.wasted_expired_microusd for one in self.costs),
            captured_coins=sum(one.captured_coins for one in self.earned),
            refunded_coins=sum(one.refunded_coins for one in self.earned),
        )


class BadSince(ValueError):
    """Not a day that a bill can begin with."""


def parse_since(told: str, *, today: date) -> date:
    """The first day of a bill: `7d` is seven days before `today`. Raises BadSince."""
    if match := re.fullmatch(r"(\d{1,4})d", told):
        since = today - timedelta(days=int(match[1]))
    else:
        try:
            since = date.fromisoformat(told)
        except ValueError:
            raise BadSince(
                f"{told!r} is neither a number of days (7d) nor a day (2026-11-01)"
            ) from None
    if since > today:
        raise BadSince(f"{since} lies in the future")
    if (today - since).days > DAYS_MAX:
        raise BadSince(f"a bill covers at most {DAYS_MAX} days")
    return since


async def read_bill(since: date) -> Bill:
    """The bill from the beginning of the day `since` on, by the database's clock."""
    costs: list[Cost] = []
    earned: list[Earned] = []
    async with snapshot() as connection:
        today: date = (await connection.execute(_TODAY)).scalar_one()
        for ahead in range((today - since).days + 1):
            day = since + timedelta(days=ahead)
            costs += await _costs_of(connection, day)
            earned += await _earned_on(connection, day)
    return Bill(since, costs, earned)


async def _costs_of(connection: AsyncConnection, day: date) -> list[Cost]:
    rows = await connection.execute(_COSTS, {"day": day})
    return [Cost(day, *row) for row in rows]


async def _earned_on(connection: AsyncConnection, day: date) -> list[Earned]:
    rows = await connection.execute(_EARNED, {"day": day})
    return [Earned(day, *row) for row in rows]


_TODAY = text("SELECT CAST(statement_timestamp() AT TIME ZONE 'UTC' AS date)")

_ON_DAY = """
    >= CAST(CAST(:day AS date) AS timestamp) AT TIME ZONE 'UTC'
    AND {column} < CAST(CAST(:day AS date) + 1 AS timestamp) AT TIME ZONE 'UTC'
"""

# Whether a job that was charged took the insight over, from this job or from one that had taken
# it from this one. An adopter is a later job of the same chat and category: found by their index.
# With LIMIT 1 the planner looks each row up by its whole key, not among all rows of the user.
_ADOPTERS = """
    jobs a CROSS JOIN LATERAL (
        SELECT m.adopted_from FROM insights m
        WHERE m.user_id = a.user_id AND m.job_id = a.id AND m.ord = n.ord
        LIMIT 1
    ) m
    WHERE a.user_id = j.user_id AND a.chat_id = j.chat_id AND a.category = j.category
"""

_USED_LATER = f"""
    EXISTS (
        WITH RECURSIVE adopter (id, state) AS (
            SELECT a.id, a.state FROM {_ADOPTERS} AND m.adopted_from = j.id
            UNION
            SELECT a.id, a.state FROM adopter CROSS JOIN {_ADOPTERS}
              AND m.adopted_from = adopter.id
        )
        SELECT FROM adopter WHERE state = 'succeeded'
    )
"""

# The insights of a job, summed by model. Before there was `wasted_microusd`, failed insights
# carried what they had cost too; so what is not completed is wasted whatever that column says.
# The LIMIT bounds nothing real, there are six: it keeps the planner at one job after another.
_OF_JOB = f"""
    SELECT one.model, count(*) FILTER (WHERE one.is_completed) AS insights,
           sum(one.tokens_in) AS tokens_in, sum(one.tokens_cached) AS tokens_cached,
           sum(one.tokens_out) AS tokens_out, sum(one.cost) AS cost, sum(one.failed) AS failed,
           sum(CASE WHEN one.is_used THEN 0 ELSE one.cost - one.failed END) AS unused
    FROM (
        SELECT n.model, n.state = 'completed' AS is_completed, n.tokens_in, n.tokens_cached,
               n.tokens_out, coalesce(n.cost_microusd, 0) AS cost,
               CASE n.state WHEN 'completed' THEN n.wasted_microusd
                   ELSE coalesce(n.cost_microusd, 0) END AS failed,
               j.state = 'succeeded'
                   OR (n.state = 'completed' AND n.cost_microusd > 0 AND {_USED_LATER}) AS is_used
        FROM insights n WHERE n.user_id = j.user_id AND n.job_id = j.id
        LIMIT {INSIGHTS_PER_JOB}
    ) one
    GROUP BY one.model
"""

_COSTS = text(f"""
    WITH {EVERY_ROW}
    SELECT o.model, j.category, count(*), CAST(sum(o.insights) AS bigint),
           CAST(coalesce(sum(o.tokens_in), 0) AS bigint),
           CAST(coalesce(sum(o.tokens_cached), 0) AS bigint),
           CAST(coalesce(sum(o.tokens_out), 0) AS bigint), CAST(sum(o.cost) AS bigint),
           CAST(sum(o.failed) + coalesce(sum(o.unused) FILTER (WHERE j.state = 'failed'), 0)
               AS bigint),
           CAST(coalesce(sum(o.unused) FILTER (WHERE j.state = 'cancelled'), 0) AS bigint),
           CAST(coalesce(sum(o.unused) FILTER (WHERE j.state = 'expired'), 0) AS bigint)
    FROM jobs j CROSS JOIN LATERAL ({_OF_JOB}) o
    WHERE j.finished_at {_ON_DAY.format(column="j.finished_at")}
    GROUP BY o.model, j.category
    ORDER BY j.category, o.model NULLS LAST
""")

_EARNED = text(f"""
    WITH {EVERY_ROW}
    SELECT j.category,
           CAST(coalesce(sum(e.amount) FILTER (WHERE e.kind = 'capture'), 0) AS bigint),
           CAST(coalesce(sum(e.amount) FILTER (WHERE e.kind = 'refund'), 0) AS bigint)
    FROM entries e JOIN jobs j ON j.user_id = e.user_id AND j.id = e.reservation_id
    WHERE e.kind IN ('capture', 'refund') AND e.at {_ON_DAY.format(column="e.at")}
    GROUP BY j.category
    ORDER BY j.category
""")
