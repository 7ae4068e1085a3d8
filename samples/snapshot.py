"""Writes what the console shows of the sample chat to people without an account.

    python -m samples.snapshot

The files stand beside the page: the chat with its statistics, its pictures, one category of
insights written offline, and the messages which those rest on, with their neighbours; so of the
message that a locked category shows for nothing.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from app.catalog.categories import CATEGORIES, Category
from app.catalog.content import InsightContent, NothingToSay
from app.chats.blocks import decode_block
from app.chats.exchange import ReadingOrder
from app.chats.message import Message
from app.chats.pictures import draw
from app.chats.reading import read_chat
from app.generation.preparation import build_context
from samples.generate import SAMPLE

FOLDER = Path(__file__).resolve().parent.parent / "app" / "web" / "static" / "sample"
CATEGORY = "friendship"
NEIGHBOURS = 2
ID = str(UUID(int=6))
AT = datetime(2025, 3, 2, 12, tzinfo=UTC).isoformat()

Json = dict[str, Any]


def snapshot() -> dict[str, bytes]:
    """The content of each file, by its name."""
    raw = SAMPLE.read_bytes()
    read = read_chat(raw, ReadingOrder(SAMPLE.name, None, "UTC", None), bytes_max=len(raw))
    messages = [message for block in read.blocks for message in decode_block(block)]
    meta: Json = orjson.loads(read.meta)
    context = build_context(messages, CATEGORIES[CATEGORY])
    insights = [
        (spec.key, spec.title, context.insights[spec.key]) for spec in CATEGORIES[CATEGORY].insights
    ]
    chat = {
        "id": ID,
        "title": meta["title"],
        "participants": meta["participants"],
        "message_count": len(messages),
        "revision": 1,
        "first_at": read.first_at,
        "last_at": read.last_at,
        "statistics": meta["statistics"],
        "import": meta["report"],
    }
    sample = {
        "chat": chat,
        "categories": [_category(category) for category in CATEGORIES.values()],
        "jobs": [_job(insights)],
    }
    teased: int = meta["statistics"]["total"]["longest_message"]
    evidence = [content for _, _, content in insights if isinstance(content, InsightContent)]
    return {
        "chat.json": _encoded(sample),
        "pictures.json": _encoded(draw(messages, None, None).model_dump(mode="json")),
        "messages.json": _encoded(_messages(messages, evidence, teased)),
    }


def _category(category: Category) -> Json:
    return {
        "key": category.key,
        "title": category.title,
        "price_coins": category.price_coins,
        "insights": [
            {"key": spec.key, "title": spec.title, "description": spec.description}
            for spec in category.insights
        ],
    }


def _job(insights: Sequence[tuple[str, str, InsightContent | NothingToSay]]) -> Json:
    price = CATEGORIES[CATEGORY].price_coins
    written = sum(isinstance(content, InsightContent) for _, _, content in insights)
    charged = price * written // len(insights)
    settlement = {
        "state": "captured",
        "charged_coins": charged,
        "released_coins": price - charged,
        "refunded_coins": 0,
    }
    progress = {"completed": written, "failed": 0, "empty": len(insights) - written}
    return {
        "job_id": ID,
        "chat_id": ID,
        "chat_revision": 1,
        "category": CATEGORY,
        "version": 1,
        "state": "succeeded",
        "attempt": 1,
        "price_coins": price,
        "settlement": settlement,
        "progress": progress | {"total": len(insights), "queue_position": None},
        "insights": [_insight(key, title, content) for key, title, content in insights],
        "created_at": AT,
        "started_at": AT,
        "finished_at": AT,
    }


def _insight(key: str, title: str, content: InsightContent | NothingToSay) -> Json:
    is_written = isinstance(content, InsightContent)
    return {
        "key": key,
        "title": title,
        "state": "completed" if is_written else "empty",
        "attempts": 1,
        "duration_ms": None,
        "content": content.model_dump(mode="json") if is_written else None,
        "empty_reason": None if is_written else content.text,
        "content_deleted": False,
        "content_unreadable": False,
    }


def _messages(
    messages: Sequence[Message], insights: Sequence[InsightContent], teased: int
) -> list[Json]:
    named = [number for content in insights for one in content.findings for number in one.evidence]
    wanted = {
        near
        for number in (*named, teased)
        for near in range(number - NEIGHBOURS, number + NEIGHBOURS + 1)
    }
    return [
        {"number": m.number, "at": m.at, "author": m.author, "text": m.text, "kind": m.kind}
        for m in messages
        if m.number in wanted
    ]


def _encoded(content: object) -> bytes:
    return orjson.dumps(content) + b"\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, content in snapshot().items():
        (FOLDER / name).write_bytes(content)
