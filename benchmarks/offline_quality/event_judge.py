"""Judges sentences that name an event against the scenes that were planted.

It shares no code with the product: it reads a sentence by its words in the chat's language, and
its names, day and quotes against the messages that are cited.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.catalog.content import InsightContent
from benchmarks.offline_quality.chat import Chat, Said

PRECISION_MIN = 0.98
COUNTED = {
    "rough_patches": "quarrel",
    "plans_and_promises": "promise",
    "plans_together": "plan",
    "decisions": "decision",
    "action_items": "task",
    "blockers": "trouble",
    "worries": "worry",
}
"""Insights whose headline counts events: it must count no more than were planted."""
_OF = {"repair": "quarrel"}
QUOTE = re.compile(r"„([^“]*)“|“([^”]*)”|«\s?([^»]*?)\s?»")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence that names an event, of one insight of a chat."""

    chat: Chat
    insight: tuple[str, str]
    kind: str
    text: str
    cited: tuple[int, ...]
    is_true: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of one chat: its event sentences, and the planted events that came out."""

    sentences: list[Sentence]
    planted: Counter[str]
    found: Counter[str]


def quotes_of(text: str) -> list[str]:
    """What stands in quotation marks."""
    return ["".join(groups) for groups in QUOTE.findall(text)]


def judge_events(chat: Chat, contents: Mapping[tuple[str, str], InsightContent]) -> Told:
    """Every sentence of `contents` that names an event."""
    sentences: list[Sentence] = []
    found: set[str] = set()
    for insight, content in contents.items():
        told = [
            _sentence(chat, insight, kind, finding.claim, tuple(finding.evidence))
            for finding in content.findings
            if (kind := _kind(chat.language, finding.claim)) is not None
        ]
        sentences += told
        found |= {_scene(chat, each) for each in told if each.is_true}
        if told and insight[1] in COUNTED:
            sentences.append(_headline(chat, insight, content))
    planted = {each.scene for each in chat.said if each.scene.startswith("events/")}
    return Told(sentences, Counter(map(_kind_of, planted)), Counter(map(_kind_of, found & planted)))


def _kind_of(scene: str) -> str:
    return scene.split("/")[1]


def _kind(language: str, text: str) -> str | None:
    return next((kind for kind, form in _forms(language).items() if form.search(text)), None)


@cache
def _forms(language: str) -> dict[str, re.Pattern[str]]:
    content = tomllib.loads(Path(__file__).with_name("events.toml").read_text(encoding="utf-8"))
    return {kind: re.compile(form) for kind, form in content[language].items()}


def _sentence(
    chat: Chat, insight: tuple[str, str], kind: str, text: str, cited: tuple[int, ...]
) -> Sentence:
    by_number = {each.number: each for each in chat.said}
    messages = [by_number[number] for number in cited if number in by_number]
    is_true = (
        len(messages) == len(cited) > 0
        and _is_of_one_scene(_OF.get(kind, kind), messages, text)
        and _is_carried(chat, text, messages)
    )
    return Sentence(chat, insight, kind, text, cited, is_true)


def _is_of_one_scene(kind: str, messages: Sequence[Said], text: str) -> bool:
    """All of one planted scene of that kind; after a promise there may be one with its word."""
    first, *rest = messages
    if not first.scene.startswith(f"events/{kind}/"):
        return False
    words = [each.casefold() for each in quotes_of(text)[1:]]
    return all(
        each.scene == first.scene
        or (kind == "promise" and any(word in each.text.casefold() for word in words))
        for each in rest
    )


def _is_carried(chat: Chat, text: str, messages: Sequence[Said]) -> bool:
    """Its names are authors, its quotes said, its day the day of a cited message."""
    texts = [" ".join(each.text.split()).casefold() for each in messages]
    quotes = [each.rstrip("….").casefold() for each in quotes_of(text)]
    # The noun a promise never comes back to is quoted as well, in its own case.
    if not all(any(quote in each for each in texts) for quote in quotes):
        return False
    rest = QUOTE.sub("", text)
    people = {each.author for each in chat.said}
    named = {name for name in people if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", rest)}
    numbers = set(map(int, _NUMBER.findall(rest)))
    is_dated = any({each.at.day, each.at.year} <= numbers for each in messages)
    return named <= {each.author for each in messages} and bool(named) and is_dated


def _scene(chat: Chat, sentence: Sentence) -> str:
    return next(each.scene for each in chat.said if each.number == sentence.cited[0])


def _headline(chat: Chat, insight: tuple[str, str], content: InsightContent) -> Sentence:
    kind = COUNTED[insight[1]]
    planted = {each.scene for each in chat.said if each.scene.startswith(f"events/{kind}/")}
    counted = _NUMBER.search(content.headline)
    is_true = counted is not None and 0 < int(counted[0]) <= len(planted)
    return Sentence(chat, insight, f"{kind} counted", content.headline, (), is_true)


def precision(sentences: Iterable[Sentence]) -> float:
    """The share that is true; 1 of none."""
    told = [each.is_true for each in sentences]
    return sum(told) / len(told) if told else 1.0
