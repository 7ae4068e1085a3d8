"""The product's worker with the benchmark's model and context: all else is as in production.

BENCH_LOAD='{…}' BENCH_READY_DIR=DIR taskiq worker benchmarks.worker:broker
"""

import workers  # noqa: F401 (first, as in production: see `spare_inherited`)

# isort: split
import asyncio
import json
import os
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import Any

from taskiq import TaskiqEvents, TaskiqState

from app.catalog.categories import Category, InsightSpec
from app.chats.blocks import decode_block
from app.crypto import ChatKey
from app.generation.context import InsightContext
from app.generation.preparation import build_context
from app.generation.protocol import CallGuard, Draft
from app.jobs.context_cache import ContextCache
from app.jobs.leases import Claim
from benchmarks.contestant import Load
from benchmarks.model import StubModel
from workers.process import GENERATOR
from workers.tasks import broker

__all__ = ["broker"]

LOAD = Load(**json.loads(os.environ["BENCH_LOAD"]))
READY_DIR = Path(os.environ["BENCH_READY_DIR"])


class StubGenerator:
    """The model double, in the place of the product's generator."""

    def __init__(self) -> None:
        self._model = StubModel(LOAD)

    def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Coroutine[Any, Any, Draft]:
        return self._model.awrite(guard.job_id, spec.key, context)


class SlowContexts:
    """The product's contexts behind a wait; without `real_context` the wait alone."""

    def __init__(self, real: ContextCache) -> None:
        self._real = real

    async def context_of(self, claim: Claim, key: ChatKey, category: Category) -> InsightContext:
        if LOAD.context_s > 0:
            await asyncio.sleep(LOAD.context_s)
        if LOAD.real_context:
            return await self._real.context_of(claim, key, category)
        return _any_context(category)

    def close(self) -> None:
        self._real.close()


@cache
def _any_context(category: Category) -> InsightContext:
    # Imported here: the parser behind it is no part of a worker, nor of its memory.
    from benchmarks.seed import SMALL_CHAT, encoded_chat

    encoded = encoded_chat(SMALL_CHAT)
    messages = [message for block in encoded.blocks for message in decode_block(block)]
    return build_context(messages, category)


broker.state[GENERATOR] = StubGenerator()


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def install(state: TaskiqState) -> None:
    """Puts the wait before the contexts, and says that this process is about to listen."""
    state.engine._contexts = SlowContexts(state.engine._contexts)
    (READY_DIR / str(os.getpid())).touch()
