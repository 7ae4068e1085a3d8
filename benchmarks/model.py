"""The double of a language model that every contestant uses: it waits, then answers.

The answer has the size of a real one. It is made once for each insight, so that what is measured
is the design and not the double.
"""

import asyncio
import time
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from uuid import UUID

from app.catalog.content import Finding, InsightContent
from app.generation.context import InsightContext, Part
from app.generation.protocol import Draft
from benchmarks.contestant import Load

MODEL = "stub-1"
TOKENS_IN, TOKENS_OUT, COST_MICROUSD = 2400, 420, 1830
FINDINGS, EVIDENCE = 4, 6
SIGNATURE = "context"

_SENTENCES = (
    "They answer each other within minutes on weekday evenings and hardly ever before noon.",
    "Plans are made by one of them and confirmed by the other, most often with a single word.",
    "After the quiet weeks of spring the tone becomes warmer, and jokes return to the chat.",
    "Questions about work are asked often, but the answers grow shorter from month to month.",
    "Whoever writes first in the morning tends to be the one who said good night last.",
    "Both of them keep coming back to one trip, with new details and older photographs.",
)


class StubModel:
    """Answers after the latency of `load`, which follows from its seed, the job and the insight."""

    def __init__(self, load: Load) -> None:
        self._load = load

    async def awrite(self, job_id: UUID, key: str, context: InsightContext) -> Draft:
        """The insight `key` of the job; waits on the event loop."""
        if self._load.llm_s > 0:
            await asyncio.sleep(self.latency_s(job_id, key))
        return self._answer(key, context)

    def write(self, job_id: UUID, key: str, context: InsightContext) -> Draft:
        """The same, for a thread that waits."""
        if self._load.llm_s > 0:
            time.sleep(self.latency_s(job_id, key))
        return self._answer(key, context)

    def latency_s(self, job_id: UUID, key: str) -> float:
        """How long this call takes: uniform in `llm_s` ± `llm_spread_s`, never negative, and for
        a share of the calls a multiple of that.
        """
        load = self._load
        drawn = blake2b(f"{load.seed}:{job_id}:{key}".encode(), digest_size=16).digest()
        part, luck = (int.from_bytes(each) / 2**64 for each in (drawn[:8], drawn[8:]))
        usual_s = max(0.0, load.llm_s + (2 * part - 1) * load.llm_spread_s)
        return usual_s * (load.llm_slow_times if luck < load.llm_slow_share else 1.0)

    def _answer(self, key: str, context: InsightContext) -> Draft:
        draft = draft_of(key)
        if not self._load.is_signed:
            return draft
        digest = blake2b(context.parts[Part.DISCLOSURE], digest_size=16).hexdigest()
        signed = draft.content.metrics | {SIGNATURE: digest}
        return replace(draft, content=draft.content.model_copy(update={"metrics": signed}))


@cache
def draft_of(key: str) -> Draft:
    """The answer for an insight; its evidence exists in every chat of 24 messages or more."""
    content = InsightContent(
        headline=f"What {key.replace('_', ' ')} looks like between the two of them",
        summary=" ".join(_SENTENCES),
        findings=[
            Finding(
                claim=" ".join(_SENTENCES[number : number + 2]),
                evidence=[number * EVIDENCE + each + 1 for each in range(EVIDENCE)],
            )
            for number in range(FINDINGS)
        ],
        metrics={
            "messages": 412,
            "share_of_questions": 0.17,
            "busiest_hours": [19, 20, 21, 22],
            "by_person": {"Maya": 218, "Sam": 194},
        },
        confidence=0.82,
    )
    return Draft(content, MODEL, TOKENS_IN, TOKENS_OUT, COST_MICROUSD)
