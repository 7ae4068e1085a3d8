"""What one call to a provider costs this process, with nothing of a job around it.

Limits in Redis, the circuit, the SDK, HTTP, checking the answer and putting names back: what
`ModelGenerator` does for an insight. Briefing, database and queue are left out.
"""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle, islice

from pydantic import SecretStr
from redis.asyncio import Redis

from app.chats.blocks import decode_block
from app.generation.context import InsightContext
from app.generation.model.generator import ModelGenerator
from app.generation.preparation import build_context
from app.llm.configured import configured_limits, configured_llm
from app.llm.limits import CallLimits
from app.settings import Settings
from benchmarks.open_guard import OpenGuard
from benchmarks.seed import CATEGORY, SMALL_CHAT, encoded_chat
from benchmarks.services import AUTH_SECRET, Services

WARM_UP_CALLS = 60


async def cpu_ms_of_a_call(servers: Services, base_url: str, *, calls: int, limit: int) -> float:
    """Processor time of this process in milliseconds, the mean of so many calls."""
    settings = Settings(
        database_url="postgresql://127.0.0.1/unused",
        redis_url=servers.redis_url,
        master_key=SecretStr(servers.master_key),
        auth_secret=SecretStr(AUTH_SECRET),
        llm_base_url=base_url,
        llm_api_key=SecretStr("sk-benchmark"),
        llm_model="gpt-4.1-mini",
        llm_concurrency=limit,
    )
    llm = configured_llm(settings)
    assert llm is not None
    async with AsyncExitStack() as opened:
        redis = await opened.enter_async_context(Redis.from_url(servers.redis_url))
        limits = configured_limits(settings, redis)
        opened.push_async_callback(limits.close)
        opened.push_async_callback(llm.close)
        path = ProviderPath(ModelGenerator(llm), limits, _context())
        await path.ask(WARM_UP_CALLS, at_once=limit)
        before_s = time.process_time()
        await path.ask(calls, at_once=limit)
        return 1000 * (time.process_time() - before_s) / calls


@dataclass(frozen=True, slots=True)
class ProviderPath:
    """A generator, and what its calls need around them."""

    generator: ModelGenerator
    limits: CallLimits
    context: InsightContext

    async def ask(self, calls: int, *, at_once: int) -> None:
        """So many calls, each for an insight of another user."""
        specs = islice(cycle(CATEGORY.insights), calls)

        async def ask_on() -> None:
            for spec in specs:
                guard = OpenGuard(self.limits)
                await self.generator.write(spec, self.context, language=None, guard=guard)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(ask_on())


def _context() -> InsightContext:
    encoded = encoded_chat(SMALL_CHAT)
    messages = [message for block in encoded.blocks for message in decode_block(block)]
    return build_context(messages, CATEGORY)
