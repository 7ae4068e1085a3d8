"""What one call to a provider costs this process, with nothing of a job around it.

Limits in Redis, the circuit, the SDK, HTTP, checking the answer and putting names back: what
`ModelGenerator` does for an insight. Briefing, database and queue are left out.
"""

import asyncio
import time
from itertools import count
from uuid import uuid4

from pydantic import SecretStr
from redis.asyncio import Redis

from app.catalog.categories import InsightSpec
from app.chats.blocks import decode_block
from app.generation.context import InsightContext, build_context
from app.generation.model.generator import ModelGenerator
from app.generation.protocol import Turn
from app.llm.configured import configured_limits, configured_llm
from app.llm.protocol import Outgoing
from app.settings import Settings
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
    context = _context()
    llm = configured_llm(settings)
    assert llm is not None
    async with Redis.from_url(servers.redis_url) as redis:
        generator = ModelGenerator(llm, configured_limits(settings, redis))
        try:
            await _ask(generator, context, WARM_UP_CALLS, at_once=limit)
            before_s = time.process_time()
            await _ask(generator, context, calls, at_once=limit)
            return 1000 * (time.process_time() - before_s) / calls
        finally:
            await generator.close()


async def _ask(
    generator: ModelGenerator, context: InsightContext, calls: int, *, at_once: int
) -> None:
    numbers = iter(range(calls))
    specs = CATEGORY.insights

    async def ask_on() -> None:
        for number in numbers:
            await _write(generator, context, specs[number % len(specs)])

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(ask_on())


_users = count(1)


async def _write(generator: ModelGenerator, context: InsightContext, spec: InsightSpec) -> None:
    turn = Turn(f"user-{next(_users)}", uuid4(), _confirm, _note)
    await generator.begin(turn).write(spec, context, language=None)


async def _confirm() -> None:
    """No lease to confirm."""


async def _note(_outgoing: Outgoing, _shared: str) -> None:
    """Nothing to write it down in."""


def _context() -> InsightContext:
    encoded = encoded_chat(SMALL_CHAT)
    messages = [message for block in encoded.blocks for message in decode_block(block)]
    return build_context(messages, CATEGORY)
