"""From a made-up chat to judged claims, through the real importer, context and generator."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.catalog.content import InsightContent
from app.chats.formats.text import read_text
from app.chats.formats.whatsapp.export import parse_export
from app.generation.preparation import build_contexts
from benchmarks.offline_quality.chat import Chat
from benchmarks.offline_quality.export import date_order, export
from benchmarks.offline_quality.judge import (
    Claim,
    Found,
    Verdict,
    find_plants,
    judge_claims,
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of all chats."""

    chats: int
    insights: int
    verdicts: list[Verdict]
    found: list[Found]


def judge(chats: Sequence[Chat]) -> Judged:
    """Every insight of every category, written for each chat and judged."""
    verdicts: list[Verdict] = []
    found: list[Found] = []
    insights = 0
    for chat in chats:
        contents = write_all(chat, language="en")
        insights += len(contents)
        claims = [
            Claim(place, finding.claim, tuple(finding.evidence))
            for place, content in contents.items()
            for finding in content.findings
        ]
        claims += [_headline(place, content) for place, content in contents.items()]
        verdicts += judge_claims(chat, claims)
        found += find_plants(chat, claims)
    return Judged(len(chats), insights, verdicts, found)


def _headline(place: tuple[str, str], content: InsightContent) -> Claim:
    """It rests on the evidence of all findings; a summary says how was counted, and no more."""
    evidence = tuple(sorted({number for each in content.findings for number in each.evidence}))
    return Claim(place, content.headline, evidence, "headlines")


def write_all(chat: Chat, *, language: str | None = None) -> dict[tuple[str, str], InsightContent]:
    """The insights by (category, key), in the chat's language if `language` is None; without those
    that have nothing to say.

    Raises RuntimeError if the importer numbers the messages otherwise than they were said.
    """
    parsed = parse_export(read_text(export(chat)), date_order=date_order(chat))
    got = [(each.number, each.at, each.author, each.text) for each in parsed.messages]
    if got != [(each.number, each.at, each.author, each.text) for each in chat.said]:
        raise RuntimeError(f"{chat.name} was not imported as it was said")
    contexts = build_contexts(parsed.messages, language=language)
    return {
        (category, key): content
        for category, context in contexts.items()
        for key, content in context.insights.items()
        if isinstance(content, InsightContent)
    }
