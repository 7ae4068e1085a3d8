"""What an insight says: findings that name the messages they rest on; or why it says nothing."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

EVIDENCE_MAX = 24
FINDINGS_MAX = 10
METRICS_MAX = 40

_NO_CONTROL = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

Headline = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=_NO_CONTROL),
]
Summary = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1500, pattern=_NO_CONTROL),
]
Claim = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=600, pattern=_NO_CONTROL),
]
Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=_NO_CONTROL),
]
MetricName = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=_NO_CONTROL)]
MetricText = Annotated[str, StringConstraints(max_length=300, pattern=_NO_CONTROL)]
MetricNumber = Annotated[float, Field(allow_inf_nan=False)]
MetricScalar = bool | int | MetricNumber | MetricText | None
MetricList = Annotated[list[MetricScalar], Field(max_length=64)]
MetricTable = Annotated[dict[MetricName, MetricScalar], Field(max_length=64)]
Metric = MetricScalar | MetricList | MetricTable


class EvidenceMissing(Exception):
    """No finding names a message that exists: the answer is worthless and is asked for again."""


class Finding(BaseModel):
    """One claim and the numbers of the messages that bear it out."""

    model_config = ConfigDict(frozen=True)

    claim: Claim
    evidence: Annotated[list[int], Field(max_length=EVIDENCE_MAX)]


class InsightContent(BaseModel):
    """An insight as it is sold, stored and shown; `confidence` runs from 0 to 1."""

    model_config = ConfigDict(frozen=True)

    headline: Headline
    summary: Summary
    findings: Annotated[list[Finding], Field(min_length=1, max_length=FINDINGS_MAX)]
    metrics: Annotated[dict[MetricName, Metric], Field(max_length=METRICS_MAX)]
    confidence: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class NothingToSay(BaseModel):
    """Why an insight is empty: a stable code, and a sentence that is shown. It is not charged."""

    model_config = ConfigDict(frozen=True)

    code: str
    text: Reason


NOTHING_FOUND = NothingToSay(
    code="nothing_found", text="No message of this chat speaks to this question."
)
UNPROVEN = NothingToSay(
    code="unproven", text="Nothing that could be said about this is borne out by the messages."
)


def checked_evidence(content: InsightContent, *, message_count: int) -> InsightContent:
    """`content` with existing messages as its only evidence, each named once, in rising order.

    A finding left without evidence is dropped. Raises EvidenceMissing when none is left.
    """
    kept: list[Finding] = []
    for finding in content.findings:
        existing = sorted({number for number in finding.evidence if 1 <= number <= message_count})
        if existing == finding.evidence and existing:
            kept.append(finding)  # As it mostly is; a copy costs more than all the rest here.
        elif existing:
            kept.append(finding.model_copy(update={"evidence": existing}))
    if not kept:
        raise EvidenceMissing(f"none of {len(content.findings)} findings names an existing message")
    if [id(one) for one in kept] == [id(one) for one in content.findings]:
        return content
    return content.model_copy(update={"findings": kept})
