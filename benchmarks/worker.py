"""The product's worker with the benchmark's model: all else is as in production.

BENCH_LOAD='{…}' BENCH_READY_DIR=DIR taskiq worker benchmarks.worker:broker
"""

import workers  # noqa: F401 (first, as in production: see `spare_inherited`)

# isort: split
import asyncio
import json
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from taskiq import TaskiqEvents, TaskiqState

from app.catalog.categories import InsightSpec
from app.generation.context import InsightContext, Part
from app.generation.protocol import CallGuard, Draft
from benchmarks.contestant import Load
from benchmarks.model import StubModel
from workers.process import GENERATOR
from workers.tasks import broker

__all__ = ["broker"]

LOAD = Load(**json.loads(os.environ["BENCH_LOAD"]))
READY_DIR = Path(os.environ["BENCH_READY_DIR"])
LAG_FILE = os.environ.get("BENCH_LAG_FILE")
TICK_S = 0.01


class StubGenerator:
    """The model double, in the place of the product's generator."""

    reads = Part.DISCLOSURE

    def __init__(self) -> None:
        self._model = StubModel(LOAD)

    def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Coroutine[Any, Any, Draft]:
        return self._model.awrite(guard.job_id, spec.key, context)


broker.state[GENERATOR] = StubGenerator()
_watching: list[asyncio.Task[None]] = []


async def _watch(lag_file: Path) -> None:
    """Keeps in the file for how many seconds the event loop has stood still at most."""
    longest_s = 0.0
    while True:
        before = time.monotonic()
        await asyncio.sleep(TICK_S)
        late_s = time.monotonic() - before - TICK_S
        if late_s > longest_s:
            longest_s = late_s
            lag_file.write_text(f"{longest_s:.4f}")  # noqa: ASYNC240 (a few bytes)


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def install(_: TaskiqState) -> None:
    """Says that this process is about to listen, and watches its event loop where that is asked."""
    if LAG_FILE:
        _watching.append(asyncio.create_task(_watch(Path(LAG_FILE))))
    (READY_DIR / str(os.getpid())).touch()
