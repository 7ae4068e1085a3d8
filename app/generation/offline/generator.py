"""Insights without a model: true sentences from what was measured over the whole chat."""

from app.catalog.categories import InsightSpec
from app.generation.context import InsightContext, Part
from app.generation.protocol import CallGuard, Draft, GenerationFailed

MODEL = "offline-1"


class OfflineGenerator:
    """Hands out what was written when the chat was prepared: in the chat's language, at no cost.

    The metrics of every insight say `"generator": "offline"`.
    """

    reads = Part.INSIGHTS

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Draft:
        """The insight, in the chat's language whatever `language` is, as its metrics say; or why
        it is empty.


        Raises GenerationFailed for one that could not be written, which no attempt changes.
        """
        content = context.insights.get(spec.key)
        if content is None:
            raise GenerationFailed("insight_unwritten", is_final=True, was_sent=False)
        return Draft(content, model=MODEL, tokens_in=0, tokens_out=0, cost_microusd=0)
