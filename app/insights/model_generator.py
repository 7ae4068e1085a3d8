"""Insights written by a language model: briefed once a chat, asked once an insight.

What leaves the process is redacted; what comes back is checked against what was shown, and
turned back into the words of the chat before it is stored.
"""

import re
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Annotated

import structlog
from pydantic import BaseModel, Field

from app.insights.briefing import SHARED_CHARS_MAX, Briefing, brief
from app.insights.catalog import InsightSpec
from app.insights.content import EVIDENCE_MAX, FINDINGS_MAX, Finding, InsightContent
from app.insights.context import InsightContext
from app.insights.generator import NOTHING_SPENT, Draft, GenerationFailed, Generator, Spent, Turn
from app.llm.prices import FREE, Price, price_of
from app.llm.protocol import LLM, Completion, InvalidAnswer, LLMFailed, Repair, Usage

HEADLINE_MAX, SUMMARY_MAX, CLAIM_MAX = 200, 1500, 600
BRIEFINGS_KEPT = 16
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

log = structlog.get_logger()


class AnswerFinding(BaseModel):
    """One claim of a model."""

    claim: Annotated[str, Field(min_length=1, max_length=2 * CLAIM_MAX)]
    evidence: Annotated[list[int], Field(max_length=200)]


class InsightAnswer(BaseModel):
    """What a model is asked to fill in; a little too long is cut, far too long is refused."""

    headline: Annotated[str, Field(min_length=1, max_length=2 * HEADLINE_MAX)]
    summary: Annotated[str, Field(min_length=1, max_length=2 * SUMMARY_MAX)]
    findings: Annotated[list[AnswerFinding], Field(min_length=1, max_length=3 * FINDINGS_MAX)]
    confidence: Annotated[float, Field(ge=0, le=1)]


class ModelGenerator:
    """Has a language model write insights. One a process."""

    def __init__(
        self, llm: LLM, *, price: Price | None = None, chars_max: int = SHARED_CHARS_MAX
    ) -> None:
        """`price` overrules the table's; of a model in neither the cost is 0."""
        self._llm = llm
        self._price = price or price_of(llm.name) or FREE
        self._chars_max = chars_max
        self._briefings: OrderedDict[int, tuple[InsightContext, Briefing]] = OrderedDict()
        if self._price is FREE:
            log.warning("llm.price_unknown", model=llm.name)

    def begin(self, turn: Turn) -> Generator:
        """What writes one insight within one attempt."""
        return _Writing(self, turn)

    async def close(self) -> None:
        """Closes the connections to the provider."""
        await self._llm.close()

    def briefing(self, context: InsightContext) -> Briefing:
        """The briefing of `context`, made once for the six calls that come together."""
        kept = self._briefings.get(id(context))
        if kept is None:
            kept = (context, brief(context, chars_max=self._chars_max))
            self._briefings[id(context)] = kept
            if len(self._briefings) > BRIEFINGS_KEPT:
                self._briefings.popitem(last=False)
        return kept[1]

    async def ask(
        self, briefing: Briefing, spec: InsightSpec, language: str | None, repair: Repair | None
    ) -> Completion[InsightAnswer]:
        """One call. Raises LLMFailed."""
        prompt = replace(briefing.prompt(spec, language=language), repair=repair)
        return await self._llm.complete(prompt, InsightAnswer)

    def cost(self, usage: Usage) -> Spent:
        """What a call has cost."""
        return Spent(usage.tokens_in, usage.tokens_out, self._price.cost_microusd(usage))


@dataclass
class _Writing:
    """One insight of one attempt: remembers what was spent and, once, what to repair."""

    generator: ModelGenerator
    turn: Turn
    spent: Spent = NOTHING_SPENT
    repair: Repair | None = None
    is_repaired: bool = False

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None
    ) -> Draft:
        """One call. Raises GenerationFailed, and whatever says that the job is not ours."""
        briefing = self.generator.briefing(context)
        repair, self.repair = self.repair, None
        await self.turn.confirm()
        try:
            completion = await self.generator.ask(briefing, spec, language, repair)
        except LLMFailed as failure:
            self._spend(failure.usage)
            if isinstance(failure, InvalidAnswer):
                self._repair_next(failure.repair)
            raise self._failed(failure) from None
        self._spend(completion.usage)
        content = _content(completion.answer, briefing, spec)
        if content is None:
            self._repair_next(Repair(completion.text, _NO_EVIDENCE))
            raise GenerationFailed("evidence_missing", retry_after_s=0.0, spent=self.spent)
        return Draft(
            content,
            model=completion.model[:200],
            tokens_in=self.spent.tokens_in,
            tokens_out=self.spent.tokens_out,
            cost_microusd=self.spent.cost_microusd,
        )

    def _repair_next(self, repair: Repair | None) -> None:
        """The next call shows the model its answer; if that is no better, the last starts anew."""
        if not self.is_repaired:
            self.repair, self.is_repaired = repair, True

    def _spend(self, usage: Usage) -> None:
        cost = self.generator.cost(usage)
        self.spent = Spent(
            self.spent.tokens_in + cost.tokens_in,
            self.spent.tokens_out + cost.tokens_out,
            self.spent.cost_microusd + cost.cost_microusd,
        )

    def _failed(self, failure: LLMFailed) -> GenerationFailed:
        return GenerationFailed(
            failure.code,
            retry_after_s=failure.retry_after_s,
            is_final=failure.is_final,
            spent=self.spent,
        )


_NO_EVIDENCE = (
    "findings: none of them cites a message that was shown. Every finding must cite numbers"
    " that stand after # at the beginning of a line of the chat."
)


def _content(answer: InsightAnswer, briefing: Briefing, spec: InsightSpec) -> InsightContent | None:
    """The insight as it is sold; None when no finding cites a message that was shown."""
    findings: list[Finding] = []
    for told in answer.findings:
        shown = sorted({number for number in told.evidence if number in briefing.shown})
        claim = _readable(told.claim, briefing, CLAIM_MAX)
        if shown and claim:
            findings.append(Finding(claim=claim, evidence=shown[:EVIDENCE_MAX]))
    headline = _readable(answer.headline, briefing, HEADLINE_MAX)
    summary = _readable(answer.summary, briefing, SUMMARY_MAX)
    if not findings or not headline or not summary:
        return None
    return InsightContent(
        headline=headline,
        summary=summary,
        findings=findings[:FINDINGS_MAX],
        metrics=dict(briefing.metrics[spec.key]),
        confidence=answer.confidence,
    )


def _readable(text: str, briefing: Briefing, chars_max: int) -> str:
    """With the names of the chat, without control characters, and no longer than is stored."""
    restored = _CONTROL.sub("", briefing.redactor.restore(text)).strip()
    return restored if len(restored) <= chars_max else restored[: chars_max - 1].rstrip() + "…"
