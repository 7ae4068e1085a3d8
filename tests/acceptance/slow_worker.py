"""A worker whose model writes the first three insights and then never answers again."""

import asyncio

from app.catalog.categories import InsightSpec
from app.generation.context import InsightContext, Part
from app.generation.offline.generator import OfflineGenerator
from app.generation.protocol import CallGuard, Draft
from workers.process import GENERATOR
from workers.tasks import broker

__all__ = ["broker"]

ANSWERED = 3


class HangingGenerator:
    """The offline generator behind a model that does not answer."""

    reads = Part.INSIGHTS

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Draft:
        if spec.ord > ANSWERED:
            await asyncio.Event().wait()
        return await OfflineGenerator().write(spec, context, language=language, guard=guard)


broker.state[GENERATOR] = HangingGenerator()
