"""A model's answer: the form it is asked for, and the insight that it is turned into."""

import re
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, Field, JsonValue, model_validator

from app.catalog.categories import InsightSpec
from app.catalog.content import (
    EVIDENCE_MAX,
    FINDINGS_MAX,
    NOTHING_FOUND,
    Finding,
    InsightContent,
    NothingToSay,
)
from app.generation.model.briefing import Briefing
from app.generation.model.evidence import Shown, carriers
from app.generation.model.redaction import visible
from app.llm.lenient import AsList, Numbers, Share

HEADLINE_MAX, SUMMARY_MAX, CLAIM_MAX, REASON_MAX = 200, 1500, 600, 300
_OTHER_BREAKS = re.compile(r"[\v\f\r\x1c-\x1e\x85\u2028\u2029]+")

IF_NOTHING = (
    "If the messages bear out no finding at all, leave findings empty, and say why in"
    " nothing_to_say."
)
NO_EVIDENCE = (
    "findings: none of them cites messages that were shown and bear it out. Every finding must"
    " cite numbers that stand after # at the beginning of a line of the chat: of messages that"
    f" hold its names, numbers and quotes. {IF_NOTHING}"
)
_NO_REASON = frozenset(
    {"", "none", "null", "n/a", "no", "false", "-", "string", "reason", "empty", "empty string"}
    | {"an empty string", "one sentence", "one sentence that says why"}
)
"""What models write into a field that they leave out; small ones the words that ask for it."""
_CITED: dict[str, JsonValue] = {"minItems": 1, "maxItems": EVIDENCE_MAX}
"""Where a schema is enforced with its bounds."""


def _text(chars_max: int, *, chars_min: int = 0) -> Any:
    """Of `chars_max` where a schema is enforced with its bounds; twice as long is cut."""
    told: dict[str, JsonValue] = {"maxLength": chars_max}
    return Field(min_length=chars_min, max_length=2 * chars_max, json_schema_extra=told)


def _list(most: int) -> Any:
    return Field(max_length=3 * most, json_schema_extra={"maxItems": most})


class AnswerFinding(BaseModel):
    """One claim of a model."""

    claim: Annotated[str, _text(CLAIM_MAX, chars_min=1)]
    evidence: Annotated[Numbers, Field(json_schema_extra=_CITED)]


def _or_empty(told: object) -> object:
    """Models fill what they leave out with null."""
    return "" if told is None else told


class InsightAnswer(BaseModel):
    """What a model is asked to fill in; a little too long is cut, far too long is refused.

    Either there are findings, or `nothing_to_say` is why there are none.
    """

    headline: Annotated[str, BeforeValidator(_or_empty), _text(HEADLINE_MAX)] = ""
    summary: Annotated[str, BeforeValidator(_or_empty), _text(SUMMARY_MAX)] = ""
    findings: Annotated[list[AnswerFinding], AsList, _list(FINDINGS_MAX)] = []
    confidence: Share = 0.0
    nothing_to_say: Annotated[str, BeforeValidator(_or_empty), _text(2 * REASON_MAX)] = ""

    @property
    def says_nothing(self) -> bool:
        """Whether it says that there is nothing to say, and why."""
        return self.nothing_to_say.strip().strip(".").lower() not in _NO_REASON

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.says_nothing:
            return self
        for name in ("headline", "summary", "findings"):
            if not getattr(self, name):
                raise ValueError(f"{name} is missing or empty. {IF_NOTHING}")
        if "confidence" not in self.model_fields_set:
            raise ValueError("confidence is missing")
        return self


def content_of(
    answer: InsightAnswer, briefing: Briefing, spec: InsightSpec
) -> InsightContent | NothingToSay | None:
    """The insight as it is sold, or why there is none; None when no finding is carried by messages
    that were shown, though the answer has some. Findings count more than a reason beside them."""
    if answer.says_nothing and not answer.findings:
        reason = _readable(answer.nothing_to_say, briefing, REASON_MAX)
        return NothingToSay(code=NOTHING_FOUND.code, text=reason) if reason else NOTHING_FOUND
    findings: list[Finding] = []
    lines = briefing.shown()
    for told in answer.findings:
        cited = sorted({number for number in told.evidence if number in lines})
        measured = briefing.measured.get(spec.key, {})
        shown = carriers(told.claim, [Shown.of(lines[number]) for number in cited], measured)
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
