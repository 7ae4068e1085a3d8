"""The outcome in numbers, against the targets."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from benchmarks.offline_quality.judge import FALSE, TRUE, UNCHECKED
from benchmarks.offline_quality.run import Judged

FOUND_MIN = 0.90
FALSE_MAX = 0.02
UNCHECKED_MAX = 0.05
"""A judge who cannot read the claims proves nothing."""

_INVENTED = re.compile(r"angry words|announce|wrote: “")


def rates(judged: Judged, *, unseen_only: bool = False) -> dict[str, float]:
    """Found, of the planted facts; false, of the claims checked; unchecked, of all claims."""
    verdicts = [each for each in judged.verdicts if each.chat.unseen or not unseen_only]
    found = [each.is_found for each in judged.found if each.chat.unseen or not unseen_only]
    outcomes = Counter(each.outcome for each in verdicts)
    return {
        "found": sum(found) / max(1, len(found)),
        "false": outcomes[FALSE] / max(1, outcomes[TRUE] + outcomes[FALSE]),
        "unchecked": outcomes[UNCHECKED] / max(1, len(verdicts)),
    }


def invented(judged: Judged) -> tuple[int, int]:
    """(claims of a quarrel or a promise, chats) among the chats that hold neither."""
    controls = {
        each.chat.name
        for each in judged.verdicts
        if not any(said.sure & {"tension", "promise"} for said in each.chat.said)
    }
    told = [
        each
        for each in judged.verdicts
        if each.chat.name in controls
        and each.claim.section != "summaries"
        and _INVENTED.search(each.claim.text)
    ]
    return len(told), len(controls)


def is_met(judged: Judged) -> bool:
    rate = rates(judged)
    return (
        bool(judged.found)
        and rate["found"] >= FOUND_MIN
        and rate["false"] <= FALSE_MAX
        and rate["unchecked"] <= UNCHECKED_MAX
        and not invented(judged)[0]
    )


def as_json(judged: Judged) -> dict[str, Any]:
    return {
        "chats": judged.chats,
        "insights": judged.insights,
        "claims": len(judged.verdicts),
        "rates": {name: round(rate, 4) for name, rate in rates(judged).items()},
        "rates_unseen": {
            name: round(rate, 4) for name, rate in rates(judged, unseen_only=True).items()
        },
        "invented": dict(zip(("claims", "chats"), invented(judged), strict=True)),
        "targets": {"found_min": FOUND_MIN, "false_max": FALSE_MAX, "unchecked_max": UNCHECKED_MAX},
        "met": is_met(judged),
        "facts": _named(_facts(judged)),
        "by_language": _named(_by_language(judged)),
        "claims_by_kind": {kind: dict(counts) for kind, counts in _claims(judged).items()},
    }


def _named(counts: dict[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
    return {kind: {"found": found, "planted": planted} for kind, (found, planted) in counts.items()}


def _facts(judged: Judged) -> dict[str, tuple[int, int]]:
    return _counted((each.plant.kind, each.is_found) for each in judged.found)


def _by_language(judged: Judged) -> dict[str, tuple[int, int]]:
    return _counted((each.chat.language, each.is_found) for each in judged.found)


def _counted(pairs: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    counts: dict[str, tuple[int, int]] = {}
    for kind, is_found in pairs:
        found, planted = counts.get(kind, (0, 0))
        counts[kind] = found + is_found, planted + 1
    return dict(sorted(counts.items()))


def _claims(judged: Judged) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for each in judged.verdicts:
        counts.setdefault(each.kind, Counter())[each.outcome] += 1
    return dict(sorted(counts.items()))


def as_text(judged: Judged) -> str:
    rate, unseen, controls = rates(judged), rates(judged, unseen_only=True), invented(judged)
    lines = [f"{judged.chats} chats, {judged.insights} insights, {len(judged.verdicts)} claims", ""]
    lines += [f"{'planted fact':28}{'found':>7}{'planted':>9}"]
    lines += [f"{kind:28}{found:7}{planted:9}" for kind, (found, planted) in _facts(judged).items()]
    lines += ["", f"{'language':28}{'found':>7}{'planted':>9}"]
    lines += [
        f"{kind:28}{found:7}{planted:9}" for kind, (found, planted) in _by_language(judged).items()
    ]
    lines += ["", f"{'claim':28}{'true':>7}{'false':>9}{'unchecked':>11}"]
    lines += [
        f"{kind:28}{each[TRUE]:7}{each[FALSE]:9}{each[UNCHECKED]:11}"
        for kind, each in _claims(judged).items()
    ]
    lines += [
        "",
        f"planted facts found: {rate['found']:.1%} (at least {FOUND_MIN:.0%})",
        f"claims false:        {rate['false']:.1%} of those checked (at most {FALSE_MAX:.0%})",
        f"claims not checked:  {rate['unchecked']:.1%} (at most {UNCHECKED_MAX:.0%})",
        f"in words the lists were never fitted to: {unseen['found']:.1%} found, "
        f"{unseen['false']:.1%} false",
        f"claims of a quarrel or promise in the {controls[1]} chats that hold none: {controls[0]}",
        "met" if is_met(judged) else "MISSED",
    ]
    return "\n".join(lines)


def told_false(judged: Judged) -> str:
    """Claims judged false, and those no form reads."""
    return "\n".join(
        f"{each.outcome} [{each.kind}] {each.chat.name} {'.'.join(each.claim.insight)}: "
        f"{each.claim.text} {list(each.claim.evidence)}"
        for each in judged.verdicts
        if each.outcome != TRUE
    )


def told_missed(judged: Judged) -> str:
    return "\n".join(
        f"missed [{each.plant.kind}] {each.chat.name} {'.'.join(each.plant.insight)}: "
        f"{each.plant.words}"
        for each in judged.found
        if not each.is_found
    )
