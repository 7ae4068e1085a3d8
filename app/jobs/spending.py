"""Every micro-dollar that is known to be spent is counted once, whatever became of it.

What is stored is on the bill in the database (`app.costs.bill`); the metrics also know what
no row could take: results that came when their job was another worker's, or had ended.
"""

import time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from uuid import UUID

import structlog
from prometheus_client import Counter
from sqlalchemy import text

from app import telemetry
from app.db import snapshot
from app.errors import Unavailable
from app.generation.protocol import NOTHING_SPENT, Spent
from app.jobs.models import JobState
from app.jobs.results import InsightResult

log = structlog.get_logger()


class Waste(StrEnum):
    """Why money bought nothing that a user was charged for."""

    FAILED = "failed"
    """Calls and attempts that came to nothing, and what jobs that failed had completed."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FENCED = "fenced"
    """The lease was lost meanwhile: another worker has the job, or it has ended."""
    UNSTORED = "unstored"
    """The database could not be reached, or refused it; or the worker stopped."""


@dataclass(slots=True)
class Tally:
    """What one insight has cost in one attempt, until a row says so."""

    category: str
    spent: Spent = NOTHING_SPENT
    calls: int = 0
    pending: InsightResult | None = None
    """What was handed to the writer, and may or may not be stored."""
    is_fenced: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def duration_ms(self) -> int:
        return round((time.monotonic() - self.started) * 1000)

    @property
    def is_spent(self) -> bool:
        return self.spent.cost_microusd > 0 or self.spent.tokens_in > 0

    def book(self, result: InsightResult) -> None:
        """`result` is stored: its cost is on the bill."""
        spent, self.spent, self.pending = self.spent, NOTHING_SPENT, None
        _count(spent, self.category, result.state.value)
        if result.wasted_microusd:
            telemetry.llm_wasted.labels(Waste.FAILED.value).inc(result.wasted_microusd)

    def close(self) -> None:
        """Whatever was not booked will not be: it is counted and logged as wasted."""
        if not self.is_spent:
            return
        spent, self.spent = self.spent, NOTHING_SPENT
        reason = Waste.FENCED if self.is_fenced else Waste.UNSTORED
        _count(spent, self.category, reason.value)
        telemetry.llm_wasted.labels(reason.value).inc(spent.cost_microusd)
        log.warning(
            "insight.spend_wasted",
            reason=reason.value,
            category=self.category,
            cost_microusd=spent.cost_microusd,
            tokens_in=spent.tokens_in,
            tokens_out=spent.tokens_out,
        )


_UNCHARGED = {
    JobState.FAILED: Waste.FAILED,
    JobState.CANCELLED: Waste.CANCELLED,
    JobState.EXPIRED: Waste.EXPIRED,
}


async def count_uncharged(user_id: str, job_id: UUID, state: JobState | None) -> None:
    """Counts what a job had completed that has just ended so; nothing if it was charged.

    What it paid for failed calls is counted already. Never raises for want of a database.
    """
    reason = _UNCHARGED.get(state) if state is not None else None
    if reason is None:
        return
    try:
        async with snapshot() as connection:
            found = await connection.execute(_COMPLETED, {"user_id": user_id, "job_id": job_id})
            telemetry.llm_wasted.labels(reason.value).inc(found.scalar_one())
    except Unavailable:
        log.warning("job.waste_uncounted", job_id=str(job_id))


def count_adopted(cost_microusd: int) -> None:
    """Counts that a job took over what had cost another one this much."""
    telemetry.llm_adopted.inc(cost_microusd)


@dataclass(frozen=True, slots=True)
class _Meters:
    cost: Counter
    fresh: Counter
    cached: Counter
    output: Counter


@cache
def _meters(model: str, category: str, outcome: str) -> _Meters:
    """Looked up once: labels cost more than counting. As bounded as the labels are."""
    tokens = telemetry.llm_tokens
    return _Meters(
        telemetry.llm_cost.labels(model, category, outcome),
        *(tokens.labels(model, kind) for kind in ("fresh", "cached", "output")),
    )


def _count(spent: Spent, category: str, outcome: str) -> None:
    if spent is NOTHING_SPENT:
        return  # Adopted, or written without a model's tokens.
    meters = _meters(telemetry.model_label(spent.model), category, outcome)
    meters.cost.inc(spent.cost_microusd)
    meters.fresh.inc(spent.tokens_in - spent.tokens_cached)
    meters.cached.inc(spent.tokens_cached)
    meters.output.inc(spent.tokens_out)


_COMPLETED = text("""
    SELECT CAST(coalesce(sum(cost_microusd - wasted_microusd), 0) AS bigint) FROM insights
    WHERE user_id = :user_id AND job_id = :job_id AND state = 'completed'
""")
