"""What a user thinks of an insight or of one of its findings."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.identity import WHOLE, StoredText, UserId
from app.api.problems import refusals
from app.api.state import api_state
from app.catalog.content import FINDINGS_MAX
from app.errors import NotFound
from app.jobs.models import Verdict
from app.progress.feedback import NotRatable, UnknownFinding, UnknownInsight, give_feedback
from app.progress.snapshots import Snapshot, load_snapshot

INSIGHT_CHARS_MAX = 80
FINDING_LAST = FINDINGS_MAX - 1

router = APIRouter(prefix="/api/insights/jobs/{job_id}/feedback", tags=["insights"])

InsightKey = Annotated[StoredText, Field(min_length=1, max_length=INSIGHT_CHARS_MAX)]


class GivenFeedback(BaseModel):
    """`finding` counts from 0; null means the insight as a whole. `verdict` null withdraws."""

    model_config = ConfigDict(extra="forbid")

    insight: InsightKey
    finding: Annotated[int, Field(strict=True, ge=0, le=FINDING_LAST), WHOLE] | None = None
    verdict: Verdict | None


@router.post("", responses=refusals(NotFound, UnknownInsight, UnknownFinding, NotRatable))
async def give(request: Request, user_id: UserId, job_id: UUID, given: GivenFeedback) -> Snapshot:
    """Says whether a finding is right, wrong or unkind, in place of what was said of it before.

    Only of insights that are shown. Kept are the verdict, and which prompt and model wrote it; no
    text. The answer is the job, which shows it.
    """
    return await _change(request, user_id, job_id, given)


@router.delete("", responses=refusals(NotFound, UnknownInsight))
async def withdraw(
    request: Request,
    user_id: UserId,
    job_id: UUID,
    insight: Annotated[str, Query(min_length=1, max_length=INSIGHT_CHARS_MAX)],
    finding: Annotated[int | None, Query(ge=0, le=FINDING_LAST)] = None,
) -> Snapshot:
    """Withdraws what was said of a finding, or of the insight as a whole; also if nothing was."""
    given = GivenFeedback(insight=insight, finding=finding, verdict=None)
    return await _change(request, user_id, job_id, given)


async def _change(request: Request, user_id: str, job_id: UUID, given: GivenFeedback) -> Snapshot:
    state = api_state(request)
    await give_feedback(
        user_id,
        job_id,
        insight=given.insight,
        finding=given.finding,
        verdict=given.verdict,
        keyring=state.keyring,
        positions=state.positions,
    )
    state.notifications.changed([job_id])
    return await load_snapshot(user_id, job_id, state.keyring, state.positions)
