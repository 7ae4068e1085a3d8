"""From a made-up chat to judged claims, through the real importer, context and generator."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.catalog.categories import CATEGORIES
from app.catalog.content import InsightContent
from app.chats.formats.text import read_text
from app.chats.formats.whatsapp.export import parse_export
from app.generation.offline.generator import OfflineGenerator
from app.generation.preparation import build_context
from benchmarks.offline_quality.chat import Chat
from benchmarks.offline_quality.export import date_order, export
from benchmarks.offline_quality.judge import (
    Claim,
    Found,
    Verdict,
    find_plants,
    is_note,
    judge_claims,
)
from benchmarks.open_guard import OpenGuard

_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=[A-Z+\d])")


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
        contents = asyncio.run(write_all(chat))
        insights += len(contents)
        claims = [
            Claim(place, finding.claim, tuple(finding.evidence))
            for place, content in contents.items()
            for finding in content.findings
        ]
        claims += [claim for place, content in contents.items() for claim in _told(place, content)]
        verdicts += judge_claims(chat, claims)
        found += find_plants(chat, claims)
    return Judged(len(chats), insights, verdicts, found)


def _told(place: tuple[str, str], content: InsightContent) -> Iterator[Claim]:
    """The headline and the sentences of the summary; they rest on the evidence of all findings."""
    evidence = tuple(sorted({number for each in content.findings for number in each.evidence}))
    yield Claim(place, content.headline, evidence, "headlines")
    for sentence in _SENTENCE_END.split(content.summary):
        if not is_note(sentence):
            yield Claim(place, sentence, evidence, "summaries")


async def write_all(chat: Chat) -> dict[tuple[str, str], InsightContent]:
    """The insights by (category, key), in English; without those that have nothing to say.

    Raises RuntimeError if the importer numbers the messages otherwise than they were said.
    """
    parsed = parse_export(read_text(export(chat)), date_order=date_order(chat))
    got = [(each.number, each.at, each.author, each.text) for each in parsed.messages]
    if got != [(each.number, each.at, each.author, each.text) for each in chat.said]:
        raise RuntimeError(f"{chat.name} was not imported as it was said")
    written: dict[tuple[str, str], InsightContent] = {}
    for key, category in CATEGORIES.items():
        context = build_context(parsed.messages, category)
        for spec in category.insights:
            draft = await OfflineGenerator().write(spec, context, language="en", guard=OpenGuard())
            if isinstance(draft.content, InsightContent):
                written[key, spec.key] = draft.content
    return written
