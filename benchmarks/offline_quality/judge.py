"""Reads every claim of every insight back and says whether it is true of the made-up chat."""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.offline_quality import checks
from benchmarks.offline_quality.chat import Chat, Plant, Said
from benchmarks.offline_quality.reading import compiled, stated
from benchmarks.offline_quality.truth import Truth

TRUE, FALSE, UNCHECKED = "true", "false", "unchecked"
Check = Callable[..., bool | None]
Form = tuple[str, re.Pattern[str], Check]


def _forms(section: str) -> list[Form]:
    content = tomllib.loads(Path(__file__).with_name("forms.toml").read_text(encoding="utf-8"))
    return [
        (kind, compiled(each["form"]), _check(each["check"]))
        for kind, each in content[section].items()
    ]


def _check(named: str) -> Check:
    """The function of that name; further words are what it is asked about."""
    name, *about = named.split()
    found = getattr(checks, name)
    return lambda truth, values, evidence: found(truth, values, evidence, *about)


_FINDINGS = _forms("findings")
_FORMS = {"findings": _FINDINGS, "headlines": [*_forms("headlines"), *_FINDINGS]}


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence as the user gets it; a headline rests on all the evidence.

    `section` is that of forms.toml.
    """

    insight: tuple[str, str]
    text: str
    evidence: tuple[int, ...]
    section: str = "findings"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`kind` is the form the claim was read by, "unknown" if by none."""

    chat: Chat
    claim: Claim
    kind: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a planted fact came out."""

    chat: Chat
    plant: Plant
    is_found: bool


def judge_claims(chat: Chat, claims: Iterable[Claim]) -> list[Verdict]:
    """A verdict on each claim."""
    truth = Truth(chat)
    return [_judged(truth, claim) for claim in claims]


def _judged(truth: Truth, claim: Claim) -> Verdict:
    for kind, pattern, check in _FORMS[claim.section]:
        match = pattern.fullmatch(claim.text)
        if match is None:
            continue
        try:
            outcome = _outcome(truth, claim, stated(match), check)
        except (ValueError, LookupError, ZeroDivisionError, TypeError):
            outcome = FALSE  # It names a day, a message or a person that does not exist.
        if outcome is not None:
            shown = kind if claim.section == "findings" else f"{claim.section}: {kind}"
            return Verdict(truth.chat, claim, shown, outcome)
    return Verdict(truth.chat, claim, "unknown", UNCHECKED)


def _outcome(truth: Truth, claim: Claim, values: dict[str, Any], check: Check) -> str | None:
    if not claim.evidence or any(number not in truth.by_number for number in claim.evidence):
        return FALSE
    evidence = [truth.by_number[number] for number in claim.evidence]
    if any(values[slot] not in truth.people for slot in ("who", "other") if slot in values):
        return None  # Another form may read it better.
    right = check(truth, values, evidence)
    if right is False:
        right = check(truth, values, _without_named(values, evidence)) or right
    if right is None:
        return None
    return TRUE if right else FALSE


def _without_named(values: dict[str, Any], evidence: list[Said]) -> list[Said]:
    """Without what may be cited for no more than the day it names, or a person who has none."""
    return [
        said
        for said in evidence
        if said.at.date() != values.get("day")
        and not (values.get("rest") == 0 and said.author == values.get("other"))
    ] or evidence


def find_plants(chat: Chat, claims: Iterable[Claim]) -> list[Found]:
    """Which planted facts came out, with the right messages."""
    told = list(claims)
    return [
        Found(chat, plant, any(_tells(chat, plant, claim) for claim in told))
        for plant in chat.plants
    ]


def _tells(chat: Chat, plant: Plant, claim: Claim) -> bool:
    if (
        claim.section != "findings"
        or claim.insight != plant.insight
        or not all(word in claim.text for word in plant.words)
    ):
        return False
    if not plant.scene:
        return True
    scene = {said.number for said in chat.said if said.scene == plant.scene}
    cited = set(claim.evidence)
    # One message outside may show that things were calm again.
    return bool(cited & scene) and (not plant.only or len(cited - scene) <= 1)
