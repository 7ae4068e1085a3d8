"""What a chat can be unlocked for: each category, and whether the chat can carry it."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from app.catalog.categories import CATEGORIES, Category
from app.catalog.fit import Fit, Measures, Shortage, fit_of
from app.db import lone_read
from app.errors import NotFound
from app.unlocks.sql import unlocked_before


@dataclass(frozen=True, slots=True)
class Offer:
    """`job_id`: the job that unlocked the category, of what the chat holds now; None if none did.
    `short` is what is missing, where the fit is not good."""

    category: Category
    job_id: UUID | None
    fit: Fit
    short: Shortage | None


async def list_offers(user_id: str, chat_id: UUID) -> list[Offer]:
    """An offer for each category, in the catalog's order. Raises NotFound."""
    asked = {"user_id": user_id, "chat_id": chat_id, "categories": list(CATEGORIES)}
    async with lone_read() as connection:
        rows = (await connection.execute(_OFFERS, asked)).all()
    if not rows:
        raise NotFound
    held = Measures(rows[0].worded_count, rows[0].voice_count, rows[0].day_count)
    owned = {row.category: row.job_id for row in rows}
    return [Offer(category, owned[key], *fit_of(key, held)) for key, category in CATEGORIES.items()]


_OFFERS = text(f"""
    SELECT o.category, coalesce(c.worded_count, c.message_count) AS worded_count,
           c.voice_count, c.day_count, ({unlocked_before("o", "c.content_hmac")} LIMIT 1) AS job_id
    FROM chats c
    CROSS JOIN LATERAL (
        SELECT c.user_id, c.id AS chat_id, category
        FROM unnest(CAST(:categories AS text[])) AS t (category)
    ) o
    WHERE c.user_id = :user_id AND c.id = :chat_id
""")
