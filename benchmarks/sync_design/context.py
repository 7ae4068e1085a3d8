"""The shared context: built once, handed to the six tasks through Redis for twenty minutes."""

import time
from functools import cache

from redis import Redis
from sqlalchemy import Connection, text

from app.chats.storage import open_messages
from app.generation.context import InsightContext
from app.generation.preparation import build_context
from benchmarks.sync_design.jobs import Job
from benchmarks.sync_design.setup import setup

CACHED_S = 20 * 60


def prepare_context(connection: Connection, job: Job) -> InsightContext | None:
    """Builds the context and keeps it in Redis, sealed with the chat's key.

    None where the load asks for the wait alone, as it then does of every contestant.
    """
    load = setup().load
    if load.context_s > 0:
        time.sleep(load.context_s)
    if not load.real_context:
        return None
    blocks = _read_blocks(connection, job)
    messages = open_messages(job.key, job.user_id, job.chat_id, blocks)
    context = build_context(messages, job.category)
    _redis().set(_name(job), job.key.seal(context.to_bytes(), *_place(job)), ex=CACHED_S)
    return context


def load_context(connection: Connection, job: Job) -> InsightContext | None:
    """What `prepare_context` kept; built anew when Redis has it no longer."""
    if not setup().load.real_context:
        return None
    sealed = _redis().get(_name(job))
    if sealed is None:
        return prepare_context(connection, job)
    return InsightContext.from_bytes(job.key.open(sealed, *_place(job)))


def _read_blocks(connection: Connection, job: Job) -> list[tuple[int, bytes]]:
    found = connection.execute(_BLOCKS, {"user_id": job.user_id, "id": job.chat_id})
    blocks = [(row.ord, row.sealed) for row in found]
    connection.commit()
    if not blocks:
        raise RuntimeError("the chat was deleted")
    return blocks


def _name(job: Job) -> str:
    """Of one job: unlike the product's, a context is not shared by the unlocks of a chat."""
    return f"sync-ctx:{job.user_id}:{job.id}"


def _place(job: Job) -> tuple[str, str, str, str, int]:
    category = job.category
    return ("context", job.user_id, str(job.chat_id), category.key, category.prompt_version)


@cache
def _redis() -> Redis:
    return Redis.from_url(setup().redis_url)


_BLOCKS = text("""
    SELECT ord, sealed FROM chat_blocks
    WHERE user_id = :user_id AND chat_id = :id ORDER BY ord
""")
