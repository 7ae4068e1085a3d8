"""The context of a claimed job: from the cache, else from the chat's blocks.

Redis keeps a context for twenty minutes, sealed with the chat's key. Whatever Redis or the cache
does wrong is a miss.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from app import reachability
from app.catalog.categories import Category
from app.chats.storage import open_messages, read_blocks
from app.crypto import ChatKey, SealBroken
from app.db import lone_read
from app.faults import Spot, reach
from app.generation.context import InsightContext, build_context
from app.jobs.leases import Claim
from app.redis import PREFIX, RedisError

CACHED_S = 20 * 60

log = structlog.get_logger()


class ChatGone(Exception):
    """The chat was deleted after the job was claimed."""


class ContextCache:
    """Builds contexts in a bounded pool of threads, off the event loop."""

    def __init__(self, *, redis: Redis, threads: int) -> None:
        self._redis = redis
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="context")
        self._keeping: set[asyncio.Task[None]] = set()

    async def context_of(self, claim: Claim, key: ChatKey, category: Category) -> InsightContext:
        """The context for the six insights of `claim`. Raises ChatGone."""
        await reach(Spot.CONTEXT)
        name = _name(claim)
        cached = await self._cached(name, claim, key)
        if cached is not None:
            return cached
        async with lone_read() as connection:
            blocks = await read_blocks(connection, claim.user_id, claim.chat_id)
        if not blocks:
            raise ChatGone

        def build() -> InsightContext:
            messages = open_messages(key, claim.user_id, claim.chat_id, blocks)
            return build_context(messages, category)

        context = await asyncio.get_running_loop().run_in_executor(self._pool, build)
        keeping = asyncio.create_task(self._keep(name, claim, key, context))
        self._keeping.add(keeping)  # The calls do not wait for it.
        keeping.add_done_callback(self._keeping.discard)
        return context

    async def kept(self) -> None:
        """Returns when all contexts made so far are in the cache, or could not be put there."""
        while self._keeping:
            await asyncio.wait(self._keeping)

    def close(self) -> None:
        """Lets threads end after what they are at; nothing new starts."""
        for keeping in self._keeping:
            keeping.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _cached(self, name: str, claim: Claim, key: ChatKey) -> InsightContext | None:
        try:
            sealed: Any = await self._redis.get(name)
        except (RedisError, OSError, TimeoutError) as error:
            reachability.redis.lost(error)
            return None
        if sealed is None:
            return None
        try:
            return InsightContext.from_bytes(key.open(sealed, *_place(claim)))
        except (SealBroken, ValidationError):
            log.warning("context.cache_unreadable", job_id=str(claim.job_id))
            return None

    async def _keep(self, name: str, claim: Claim, key: ChatKey, context: InsightContext) -> None:
        def seal() -> bytes:
            return key.seal(context.to_bytes(), *_place(claim))

        try:
            sealed = await asyncio.get_running_loop().run_in_executor(self._pool, seal)
            await self._redis.set(name, sealed, ex=CACHED_S)
        except (RedisError, OSError, TimeoutError) as error:
            reachability.redis.lost(error)


def _name(claim: Claim) -> str:
    return (
        f"{PREFIX}ctx:{claim.user_id}:{claim.chat_id}:{claim.content_hmac.hex()}"
        f":{claim.category}:{claim.prompt_version}"
    )


def _place(claim: Claim) -> tuple[str, str, str, str, int]:
    return ("context", claim.user_id, str(claim.chat_id), claim.category, claim.prompt_version)
