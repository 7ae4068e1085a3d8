"""A worker whose model writes three insights, and the others once the file at RACE_GATE exists."""

import os
from pathlib import Path

from app.catalog.categories import InsightSpec
from app.generation.context import InsightContext, Part
from app.generation.offline.generator import OfflineGenerator
from app.generation.protocol import CallGuard, Draft
from tests.support.waiting import until
from workers.process import GENERATOR
from workers.tasks import broker

__all__ = ["broker"]

ANSWERED = 3
GATE = Path(os.environ["RACE_GATE"])


class GatedGenerator:
    """The offline generator behind a model that takes as long as the test wants."""

    reads = Part.INSIGHTS

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Draft:
        if spec.ord > ANSWERED:
            await until(GATE.exists, deadline_s=120)
        return await OfflineGenerator().write(spec, context, language=language, guard=guard)


broker.state[GENERATOR] = GatedGenerator()
