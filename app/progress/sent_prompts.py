"""What a user is shown of what was sent about a chat of theirs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, text

from app.chats.key_storage import key_columns, key_join
from app.credits.sql import EVERY_ROW
from app.crypto import ChatKey, KeyRing
from app.db import snapshot
from app.errors import NotFound
from app.jobs.leases import HeldLease
from app.jobs.prompt_log import sent_binding, words_of

PROMPTS_MAX = 6
"""In one answer: a prompt may be a hundred thousand characters long."""


UNSTORED = "[The beginning of this prompt could not be stored.]\n"
"""In place of a shared part that the database refused."""


class SentMessage(BaseModel):
    """One turn, as it was sent: names and numbers of people are redacted in it."""

    model_config = ConfigDict(from_attributes=True)

    role: str
    content: str


class SentPrompt(BaseModel):
    """One call. `run` grows with every start of the job, `call` counts an insight's calls in it.

    A repair holds the model's unusable answer too: it was sent back to it.
    """

    insight: str
    run: int
    call: int
    sent_at: datetime
    provider: str
    model: str
    prompt_version: int
    messages: list[SentMessage]


@dataclass(frozen=True, slots=True)
class SentPage:
    """`after` is the place of the last prompt when there are more."""

    prompts: list[SentPrompt]
    is_deleted: bool
    after: int | None


async def load_sent(
    user_id: str, job_id: UUID, keyring: KeyRing, *, limit: int, after: int | None
) -> SentPage:
    """What was sent for a job of this user, in order; nothing when its chat is deleted.

    Raises NotFound.
    """
    place = {"user_id": user_id, "job_id": job_id}
    async with snapshot() as connection:
        job = (await connection.execute(_JOB, place)).first()
        if job is None:
            raise NotFound
        if job.sealed_key is None:
            return SentPage([], is_deleted=True, after=None)
        found = await connection.execute(_CALLS, place | {"limit": limit + 1, "after": after or 0})
        rows = found.all()
        shown = rows[:limit]
        fences = list({row.fence for row in shown})
        parts = (await connection.execute(_SHARED, place | {"fences": fences})).all()
    key = keyring.unwrap(job.key_id, job.sealed_key, user_id, job.chat_id)
    prompts = await asyncio.to_thread(_opened, key, shown, parts)
    return SentPage(prompts, is_deleted=False, after=shown[-1].place if rows[limit:] else None)


def _opened(key: ChatKey, calls: Sequence[Row[Any]], parts: Sequence[Row[Any]]) -> list[SentPrompt]:
    shared = {
        row.fence: key.open(row.sealed, *sent_binding(_lease(row), ord_=0, call=0)).decode()
        for row in parts
    }
    prompts: list[SentPrompt] = []
    for row in calls:
        opened = key.open(row.sealed, *sent_binding(_lease(row), ord_=row.ord, call=row.call))
        words = words_of(opened, shared.get(row.fence, UNSTORED))
        prompts.append(
            SentPrompt(
                insight=row.key,
                run=row.fence,
                call=row.call,
                sent_at=row.sent_at,
                provider=words.provider,
                model=words.model,
                prompt_version=row.prompt_version,
                messages=[SentMessage.model_validate(one) for one in words.messages],
            )
        )
    return prompts


def _lease(row: Row[Any]) -> HeldLease:
    return HeldLease(row.user_id, row.job_id, row.fence)


_JOB = text(f"""
    WITH {EVERY_ROW}
    SELECT j.chat_id, {key_columns()}
    FROM jobs j LEFT JOIN chats c ON c.user_id = j.user_id AND c.id = j.chat_id {key_join()}
    WHERE j.user_id = :user_id AND j.id = :job_id
""")

# `place` orders as (fence, call, ord) does: a call is below 10, an ord below 7.
_CALLS = text("""
    SELECT s.user_id, s.job_id, s.fence, s.call, s.ord, s.sealed, s.sent_at, n.key,
           j.prompt_version, s.fence * 100 + s.call * 10 + s.ord AS place
    FROM sent_prompts s
    JOIN jobs j ON j.user_id = s.user_id AND j.id = s.job_id
    JOIN insights n ON n.user_id = s.user_id AND n.job_id = s.job_id AND n.ord = s.ord
    WHERE s.user_id = :user_id AND s.job_id = :job_id
      AND s.fence * 100 + s.call * 10 + s.ord > CAST(:after AS bigint)
    ORDER BY s.fence, s.call, s.ord LIMIT :limit
""")

_SHARED = text("""
    SELECT user_id, job_id, fence, sealed FROM sent_prompts
    WHERE user_id = :user_id AND job_id = :job_id AND ord = 0 AND call = 0
      AND fence = ANY(CAST(:fences AS bigint[]))
""")
