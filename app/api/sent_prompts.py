"""What was sent about a chat, shown to its owner."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from app.api.identity import UserId
from app.api.paging import SeqCursor
from app.api.problems import refusals
from app.api.state import api_state
from app.crypto import SealBroken
from app.cursors import read_seq, seq_cursor
from app.errors import NotFound
from app.progress.sent_prompts import PROMPTS_MAX, SentPrompt, load_sent

router = APIRouter(prefix="/api", tags=["insights"])

Limit = Annotated[int, Query(ge=1, le=PROMPTS_MAX, description="How many at most.")]


class SentBody(BaseModel):
    """`provider` is null when nothing was sent, unless `content_deleted`: then it is forgotten."""

    job_id: UUID
    provider: str | None
    content_deleted: bool
    items: list[SentPrompt]
    next_cursor: str | None


@router.get("/insights/jobs/{job_id}/sent", responses=refusals(NotFound, SealBroken))
async def get_sent(
    request: Request,
    user_id: UserId,
    job_id: UUID,
    limit: Limit = PROMPTS_MAX,
    cursor: SeqCursor = None,
) -> SentBody:
    """Exactly what was sent to a provider of models for this job, redacted as it was sent.

    In the order in which it was sent, repairs included. An insight that was taken over from an
    earlier job was asked for there.
    """
    keyring = api_state(request).keyring
    page = await load_sent(user_id, job_id, keyring, limit=limit, after=read_seq(cursor))
    return SentBody(
        job_id=job_id,
        provider=page.prompts[0].provider if page.prompts else None,
        content_deleted=page.is_deleted,
        items=page.prompts,
        next_cursor=None if page.after is None else seq_cursor(page.after),
    )
