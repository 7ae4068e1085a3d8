"""A model's answer: the form it is asked for, and the insight that it is turned into."""

import re
from typing import Annotated

from pydantic import BaseModel, Field

from app.catalog.categories import InsightSpec
from app.catalog.content import EVIDENCE_MAX, FINDINGS_MAX, Finding, InsightContent
from app.generation.model.briefing import Briefing
from app.generation.model.evidence import Shown, carriers
from app.generation.model.redaction import visible
from app.llm.lenient import Numbers, Share

HEADLINE_MAX, SUMMARY_MAX, CLAIM_MAX = 200, 1500, 600
_OTHER_BREAKS = re.compile(r"[\v\f\r\x1c-\x1e\x85\u2028\u2029]+")

NO_EVIDENCE = (
    "findings: none of them cites messages that were shown and bear it out. Every finding must"
    " cite numbers that stand after # at the beginning of a line of the chat: of messages that"
    " hold its names, numbers and quotes."
)


class AnswerFinding(BaseModel):
    """One claim of a model."""

    claim: Annotated[str, Field(min_length=1, max_length=2 * CLAIM_MAX)]
    evidence: Numbers


class InsightAnswer(BaseModel):
    """What a model is asked to fill in; a little too long is cut, far too long is refused."""

    headline: Annotated[str, Field(min_length=1, max_length=2 * HEADLINE_MAX)]
    summary: Annotated[str, Field(min_length=1, max_length=2 * SUMMARY_MAX)]
    findings: Annotated[list[AnswerFinding], Field(min_length=1, max_length=3 * FINDINGS_MAX)]
    confidence: Share


def content_of(
    answer: InsightAnswer, briefing: Briefing, spec: InsightSpec
) -> InsightContent | None:
    """The insight as it is sold; None when no finding is carried by messages that were shown."""
    findings: list[Finding] = []
    for told in answer.findings:
        cited = sorted({number for number in told.evidence if number in briefing.shown})
        measured = briefing.measured.get(spec.key, {})
        shown = carriers(told.claim, [Shown.of(briefing.shown[n]) for n in cited], measured)
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
        metrics=briefing.metrics(spec.key),
        confidence=answer.confidence,
    )


def _readable(text: str, briefing: Briefing, chars_max: int) -> str:
    """With the names of the chat, without what is not seen, and no longer than is stored."""
    restored = visible(_OTHER_BREAKS.sub("\n", briefing.restored(text))).strip()
    return restored if len(restored) <= chars_max else restored[: chars_max - 1].rstrip() + "…"
