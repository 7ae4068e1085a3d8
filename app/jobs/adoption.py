"""Adoption: what an earlier, unsuccessful job has done is not bought again.

The next unlock of the same chat, content, category, prompt version and language takes the
finished insights over, the empty ones too, under its own fence; their tokens were paid for once.
"""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text

from app.crypto import ChatKey, SealBroken
from app.db import lone_read
from app.jobs.leases import Claim
from app.jobs.models import DONE_SQL, InsightState
from app.jobs.results import InsightResult, insight_binding


@dataclass(frozen=True, slots=True)
class Finished:
    """An insight that an unsuccessful job of the same order completed, or found empty."""

    job_id: UUID
    ord: int
    key: str
    state: InsightState
    model: str
    cost_microusd: int
    """What it cost its job; 0 when that job had adopted it too."""
    sealed: bytes = field(repr=False)


async def find_finished(claim: Claim) -> list[Finished]:
    """The newest finished insight for each ordinal that `claim` still has to fill."""
    async with lone_read() as connection:
        rows = await connection.execute(
            _FINISHED,
            {
                "user_id": claim.user_id,
                "id": claim.job_id,
                "chat_id": claim.chat_id,
                "category": claim.category,
                "language": claim.language,
                "prompt_version": claim.prompt_version,
                "content_hmac": claim.content_hmac,
            },
        )
        return [
            Finished(
                row.job_id,
                row.ord,
                row.key,
                InsightState(row.state),
                row.model,
                row.cost_microusd,
                row.sealed,
            )
            for row in rows
            if row.ord not in claim.done
        ]


def adopted(claim: Claim, key: ChatKey, finished: Finished) -> InsightResult | None:
    """The insight, sealed for its new job; None if it does not open any more."""
    version = claim.prompt_version
    try:
        binding = insight_binding(claim.user_id, finished.job_id, finished.key, version)
        content = key.open(finished.sealed, *binding)
    except SealBroken:
        return None
    return InsightResult(
        claim.held,
        finished.ord,
        finished.state,
        attempts=0,
        duration_ms=0,
        sealed=key.seal(
            content, *insight_binding(claim.user_id, claim.job_id, finished.key, version)
        ),
        model=finished.model,
        tokens_in=0,
        tokens_cached=0,
        tokens_out=0,
        cost_microusd=0,
        adopted_from=finished.job_id,
    )


_FINISHED = text(f"""
    SELECT DISTINCT ON (n.ord) n.job_id, n.ord, n.key, n.state, n.model, n.sealed,
           coalesce(n.cost_microusd - n.wasted_microusd, 0) AS cost_microusd
    FROM jobs j JOIN insights n ON n.user_id = j.user_id AND n.job_id = j.id
    WHERE j.user_id = :user_id AND j.chat_id = :chat_id AND j.category = :category
      AND j.id <> :id AND j.state IN ('failed', 'cancelled', 'expired')
      AND j.content_hmac = :content_hmac AND j.prompt_version = :prompt_version
      AND j.language IS NOT DISTINCT FROM CAST(:language AS text)
      AND n.{DONE_SQL} AND n.sealed IS NOT NULL
    ORDER BY n.ord, j.created_at DESC
""")
