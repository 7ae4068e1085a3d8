"""One sentence is sold once: no two insights of a chat say the same, of any category."""

import ast
import re
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from itertools import combinations

import pytest

from app.catalog.content import InsightContent
from app.chats.message import Message
from app.generation.offline.measures.facts import Facts, measure
from app.generation.offline.measures.transcript import annotate, words_of_messages
from app.generation.offline.writers import WRITERS, language_of, write
from benchmarks.offline_quality import kinds
from benchmarks.offline_quality.chat import Chat
from benchmarks.offline_quality.scenes import scene_chats
from tests.support.chats import ZONE, friends
from tests.support.messages import SOURCES

SIZES = (1, 2, 3, 5, 10, 20, 40, 80, 150, 300, 600)
NUMBERS_MIN, LONG_CHAT = 3, 300
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTE = re.compile(r"„[^“]*“|“[^”]*”|«[^»]*»")


def of(chat: Chat) -> list[Message]:
    return [Message(s.number, s.at, s.author, s.text) for s in chat.said]


@cache
def chats() -> dict[str, list[Message]]:
    """Of every kind and language, and cut to many sizes."""
    told = {chat.name: of(chat) for chat in kinds.chats(5, rounds=1)}
    told |= {chat.name: of(chat) for chat in scene_chats(5, rounds=1)[::4]}
    whole = [
        ("friends", friends()),
        *((name, told[name]) for name in ("pair-de-5", "group-es-5", "pair-fr-5", "pair-tr-5")),
    ]
    for name, messages in whole:
        told |= {f"{name}, {size} messages": messages[:size] for size in SIZES}
    return told


def facts_of(messages: list[Message]) -> Facts:
    return measure(annotate(messages, words_of_messages(messages)))


def written(messages: list[Message]) -> dict[tuple[str, str], InsightContent]:
    facts = facts_of(messages)
    told = {place: write(*place, facts, language_of(facts)).content for place in WRITERS}
    return {
        place: content for place, content in told.items() if isinstance(content, InsightContent)
    }


def test_no_headline_and_no_finding_is_sold_twice():
    for name, messages in chats().items():
        contents = written(messages)
        headlines = Counter(content.headline for content in contents.values())
        findings = Counter(one.claim for each in contents.values() for one in each.findings)
        summaries = Counter(content.summary for content in contents.values())
        for texts in (headlines, findings, summaries):
            assert [text for text, count in texts.items() if count > 1] == [], name


def test_no_two_insights_state_the_same_numbers_of_the_same_people():
    """Said in other words it would be the same fact."""
    for name, messages in chats().items():
        if len(messages) < LONG_CHAT:
            continue  # In small chats small numbers meet by chance.
        people = {message.author for message in messages}
        stated: dict[tuple[str, str], set[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
        for place, content in written(messages).items():
            stated[place] = set()
            for finding in content.findings:
                text = _QUOTE.sub("", finding.claim)
                who = tuple(sorted(one for one in people if one in text))
                for one in who:
                    text = text.replace(one, "")
                numbers = tuple(sorted(_NUMBER.findall(text)))
                if len(numbers) >= NUMBERS_MIN:
                    stated[place].add((numbers, who))
        for one, other in combinations(stated, 2):
            assert stated[one] & stated[other] == set(), (name, one, other)


def test_every_message_is_said_in_one_place():
    """Two writers with one sentence would be two insights with one fact."""
    said = Counter(
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "{" in node.value
    )
    assert [text for text, count in said.items() if count > 1] == []


def test_a_full_chat_carries_most_insights():
    contents = written(chats()["pair-en-5"])
    assert len(contents) >= 15
    assert len({content.headline for content in contents.values()}) == len(contents)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_nothing_proves_is_not_written(count: int):
    start = datetime(2024, 3, 1, 9, tzinfo=ZONE)
    messages = [
        Message(number, start + timedelta(minutes=number), "Ana", "hello there")
        for number in range(1, count + 1)
    ]
    assert written(messages) == {}
