"""Do the cited messages carry what insights claim? Offline, and of a model that lies.

python -m benchmarks.citations [--rounds 1] [--seed 1] [--json] [--wrong]

ALCE's measure (Gao et al. 2023), claim by claim, from the cited messages alone: recall is the
share of claims whose names, days, times and quotes stand in the messages they cite; precision is
the share of cited messages that a claim needs: each holds a quote, was written by somebody or on
a day that it names, or is what such a message answers. Numbers counted over a whole chat no
handful of messages can carry: `benchmarks.offline_quality` counts them again. Exit code 1 below the
targets.
"""

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.catalog.categories import CATEGORIES
from app.catalog.content import InsightContent
from app.chats.message import Message
from app.generation.context import InsightContext
from app.generation.model.answer import AnswerFinding, InsightAnswer, content_of
from app.generation.model.briefing import brief
from app.generation.preparation import build_contexts
from benchmarks.offline_quality.chat import Chat, Said
from benchmarks.offline_quality.event_judge import quotes_of
from benchmarks.offline_quality.kinds import chats
from benchmarks.offline_quality.run import write_all
from benchmarks.offline_quality.scenes import scene_chats

PRECISION_MIN, RECALL_MIN = 0.98, 0.95
LIES = ("wrong name", "wrong number", "invented quote", "unrelated message")
_DAY = re.compile(r"(?<!\d)(\d{1,2})\.?(?: de)? ([^\W\d_]{3,})(?: de)? (\d{4})")
_MONTHS = (
    "jan ene gen", "feb fev fév", "mar mär", "apr abr avr", "may mai mag", "jun giu juin",
    "jul lug juil", "aug ago aoû", "sep set", "oct okt out ott", "nov", "dec dez dic déc",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """A claim, whether its messages carry it, and how many of them it needs."""

    text: str
    is_carried: bool
    needed: int
    cited: int
    why: str


def judge(chat: Chat, claim: str, evidence: Sequence[int]) -> Verdict:
    """One claim, by the messages it cites and nothing else of the chat but its people's names."""
    by_number = {said.number: said for said in chat.said}
    cited = [by_number[number] for number in evidence if number in by_number]
    rest = claim
    for quote in quotes_of(claim):
        rest = rest.replace(quote, " ")
    people = [name for name in {said.author for said in chat.said} if _has(rest, name)]
    days = [day for found in _DAY.findall(rest) if (day := _day(*found)) is not None]
    quotes = [quote for quote in map(_plain, quotes_of(claim)) if quote]
    missing = [f"name {name}" for name in people if not any(name == s.author for s in cited)]
    missing += [f"day {day}" for day in days if not any(_on(said, day) for said in cited)]
    missing += [f"quote {q}" for q in quotes if not any(_holds(said, q) for said in cited)]
    if not people and not quotes and len(days) < 2:
        # Of what is counted over a whole chat no message is needed more than another.
        return Verdict(claim, bool(cited) and not missing, 0, 0, ", ".join(missing))
    named = {said.number for said in cited if said.author in people}
    needed = [
        said
        for said in cited
        if {said.number, said.number + 1} & named  # A reply needs what it answers.
        or any(_on(said, day) for day in days)
        or (len(days) > 1 and min(days) <= _day_of(said) <= max(days))
        or any(_holds(said, quote) for quote in quotes)
    ]
    is_carried = bool(cited) and not missing
    return Verdict(claim, is_carried, len(needed), len(evidence), ", ".join(missing))


def _holds(said: Said, quote: str) -> bool:
    return quote in _plain(said.text) or quote in said.text


def _has(text: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def _plain(text: str) -> str:
    words = re.findall(r"[^\W_]+", text.casefold())
    return " ".join(words) if words else text.strip("… ")


def _day(day: str, month: str, year: str) -> tuple[int, int, int] | None:
    short = month.casefold()
    for number, starts in enumerate(_MONTHS, start=1):
        if any(short.startswith(start) for start in starts.split()):
            return int(year), number, int(day)
    return None


def _day_of(said: Said) -> tuple[int, int, int]:
    return said.at.year, said.at.month, said.at.day


def _on(said: Said, day: tuple[int, int, int]) -> bool:
    return _day_of(said) == day


def offline(told: Iterable[Chat]) -> list[Verdict]:
    """Every claim of the offline analysis, in each chat's language."""
    return [
        judge(chat, finding.claim, finding.evidence)
        for chat in told
        for content in write_all(chat).values()
        for finding in content.findings
    ]


@dataclass(frozen=True, slots=True)
class Lied:
    """What was stored of the findings of a model that lies: of true ones, and of each lie."""

    verdicts: list[Verdict]
    given: Counter[str]
    stored: Counter[str]


def lied_to(told: Iterable[Chat], seed: int) -> Lied:
    """Findings of a scripted model, half of them lies, through the product's own check."""
    verdicts: list[Verdict] = []
    given, stored = Counter[str](), Counter[str]()
    dice = random.Random(seed)
    for chat in told:
        messages = [Message(s.number, s.at, s.author, s.text) for s in chat.said]
        context = build_contexts(messages)["friendship"]
        answers = [finding for _ in range(6) for finding in _findings(chat, context, dice)]
        for kind, finding in answers:
            given[kind] += 1
            content = _through(context, finding)
            if content is not None:
                stored[kind] += 1
                [kept] = content.findings
                if kind != "true":
                    verdicts.append(Verdict(kept.claim, False, 0, len(kept.evidence), kind))
                else:
                    verdicts.append(judge(chat, kept.claim, kept.evidence))
    return Lied(verdicts, given, stored)


def _through(context: InsightContext, finding: AnswerFinding) -> InsightContent | None:
    answer = InsightAnswer(headline="h", summary="s", findings=[finding], confidence=0.5)
    return content_of(answer, brief(context), CATEGORIES["friendship"].insights[0])


def _findings(
    chat: Chat, context: InsightContext, dice: random.Random
) -> Iterable[tuple[str, AnswerFinding]]:
    """A true finding about one message shown, with some padding, and a lie of each kind."""
    disclosure = context.disclosure()
    alias = {name: alias for alias, name in disclosure.originals.items()}
    shown = [s for s in chat.said if s.number in set(disclosure.numbers) and len(s.text) > 15]
    said = dice.choice(shown)
    others = [s for s in shown if s.author != said.author and s.text != said.text]
    other = dice.choice(others)
    text = disclosure.texts[disclosure.numbers.index(said.number)]
    who, wrong = alias[said.author], alias[other.author]
    day = f"{said.at.day} {said.at:%B %Y}"
    padding = [dice.choice(shown).number] if dice.random() < 0.3 else []
    claim = f"On {day} {who} wrote “{text}”."
    yield "true", _finding(claim, [said.number, *padding])
    yield "true", _finding(f"{who} wrote this on {day}.", [said.number])
    yield "wrong name", _finding(f"On {day} {wrong} wrote “{text}”.", [said.number])
    late = (said.at.day + 9) % 28 + 1
    lie = f"On {late} {said.at:%B %Y} {who} wrote “{text}”."
    if late != said.at.day:
        yield "wrong number", _finding(lie, [said.number])
    invented = " ".join(reversed(text.split()))
    if invented != text:
        yield "invented quote", _finding(f"On {day} {who} wrote “{invented}”.", [said.number])
    yield "unrelated message", _finding(claim, [other.number])


def _finding(claim: str, evidence: Iterable[int]) -> AnswerFinding:
    return AnswerFinding(claim=claim, evidence=list(evidence))


def measures(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """ALCE's two, over all claims and all citations."""
    cited = sum(each.cited for each in verdicts)
    return {
        "claims": len(verdicts),
        "citations": cited,
        "recall": round(sum(each.is_carried for each in verdicts) / max(1, len(verdicts)), 4),
        "precision": round(sum(each.needed for each in verdicts) / max(1, cited), 4),
    }


def is_met(result: dict[str, Any]) -> bool:
    return result["precision"] >= PRECISION_MIN and result["recall"] >= RECALL_MIN


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--wrong", action="store_true", help="show claims that are not carried")
    given = parser.parse_args()
    planted = scene_chats(given.seed, rounds=given.rounds)
    told = offline([*chats(given.seed, rounds=given.rounds), *planted])
    lied = lied_to(planted, given.seed)
    results = {"offline": measures(told), "a model that lies": measures(lied.verdicts)}
    results["a model that lies"]["stored"] = {
        kind: f"{lied.stored[kind]} of {lied.given[kind]}" for kind in ("true", *LIES)
    }
    for each in [*told, *lied.verdicts] if given.wrong else ():
        if not each.is_carried or each.needed < each.cited:
            print(f"{each.why or 'needless'} ({each.needed} of {each.cited}): {each.text}")
    print(json.dumps(results, indent=1) if given.json else _as_text(results))
    sys.exit(0 if all(map(is_met, results.values())) else 1)


def _as_text(results: dict[str, dict[str, Any]]) -> str:
    lines: list[str] = []
    for name, result in results.items():
        lines.append(
            f"{name}: precision {result['precision']:.3f} of {result['citations']} citations (at "
            f"least {PRECISION_MIN}), recall {result['recall']:.3f} of {result['claims']} claims "
            f"(at least {RECALL_MIN})"
        )
        stored = result.get("stored", {})
        lines += [f"  stored of {kind} findings: {told}" for kind, told in stored.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
