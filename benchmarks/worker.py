"""The product's worker with the benchmark's model: all else is as in production.

BENCH_LOAD='{…}' BENCH_READY_DIR=DIR taskiq worker benchmarks.worker:broker
"""

import workers  # noqa: F401 (first, as in production: see `spare_inherited`)

# isort: split
import json
import os
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


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def install(_: TaskiqState) -> None:
    """Says that this process is about to listen."""
    (READY_DIR / str(os.getpid())).touch()
