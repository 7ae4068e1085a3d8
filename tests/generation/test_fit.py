"""The rule that says what a chat can carry, held against what is really written of chats of all
sizes: of `none` nothing, of `thin` something, of `good` as much as a chat of friends can prove."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.content import InsightContent, NothingToSay
from app.catalog.fit import ENOUGH, LEAST, Fit, Measures, fit_of
from app.chats.formats.text import read_text
from app.chats.formats.whatsapp.export import parse_export
from app.chats.message import Message, MessageKind
from app.chats.substance import VOICE_MESSAGES_MIN, Substance, substance_of
from app.chats.transcript import DateOrder
from app.generation.context import Part
from app.generation.preparation import build_context, prepare
from tests.support.chats import ZONE
from tests.support.processes import SAMPLE

SIZES = (3, 10, 30, 59, 60, 120, 250, 499, 500, 1_000, 5_000)
LARGEST = 100_000
TURNS, APART_H = 12, 30
WRITTEN_LEAST = {"friendship": 5, "family": 5, "romance": 3, "work": 2}
"""Of the six, in the sample's talk of two friends: who decides nothing has no decisions to read."""


@cache
def lines() -> tuple[str, ...]:
    """What people say in the sample, in its order."""
    spoken = parse_export(read_text(SAMPLE.read_bytes()), date_order=DateOrder.DMY).messages
    return tuple(message.text for message in spoken if message.kind is MessageKind.TEXT)


def talk(count: int, *, people: Sequence[str] = ("Ana", "Ben"), seed: int = 1) -> list[Message]:
    """A chat of so many messages: a conversation every day or two, of a dozen lines."""
    drawn = random.Random(seed)
    said, first = lines(), drawn.randrange(len(lines()))
    at = datetime(2024, 1, 3, 18, tzinfo=ZONE)
    messages: list[Message] = []
    while len(messages) < count:
        for turn in range(max(2, round(drawn.gauss(TURNS, 4)))):
            place = len(messages)
            author = people[turn % len(people)] if drawn.random() < 0.85 else drawn.choice(people)
            messages.append(Message(place + 1, at, author, said[(first + place) % len(said)]))
            at += timedelta(seconds=drawn.randint(20, 400))
        at += timedelta(hours=drawn.uniform(0.3, 1.8) * APART_H)
    return messages[:count]


def fits(messages: Sequence[Message], category: str) -> Fit:
    held = substance_of(messages)
    return fit_of(category, Measures(held.worded, held.voices, held.days))[0]


def counted(messages: Sequence[Message], category: str) -> int:
    """How many of the six are written; the others must say why not."""
    insights = build_context(messages, CATEGORIES[category]).insights
    assert len(insights) == 6
    assert all(isinstance(one, InsightContent | NothingToSay) for one in insights.values())
    return sum(isinstance(one, InsightContent) for one in insights.values())


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_written_is_what_the_rule_says_of_chats_of_any_size(count: int, seed: int):
    messages = talk(count, seed=seed)
    for category in CATEGORIES:
        written = counted(messages, category)
        match fits(messages, category):
            case Fit.NONE:
                assert written == 0
            case Fit.THIN:
                assert written >= 1
            case Fit.GOOD:
                assert written >= WRITTEN_LEAST[category]


@pytest.mark.parametrize("people", [1, 3, 8])
def test_the_rule_holds_for_one_who_writes_alone_and_for_groups(people: int):
    messages = talk(700, people=[f"P{number}" for number in range(people)])
    for category in CATEGORIES:
        expected = {1: Fit.NONE if category != "work" else Fit.THIN}.get(people, Fit.GOOD)
        assert fits(messages, category) is expected
        assert (counted(messages, category) > 0) == (expected is not Fit.NONE)


def test_the_largest_chat_carries_every_category():
    messages = talk(LARGEST)
    prepared = prepare(messages)
    assert prepared.unwritten == {}
    assert prepared.substance.worded > 0.9 * LARGEST
    for key in CATEGORIES:
        assert fits(messages, key) is Fit.GOOD
        written = prepared.parts[key, Part.INSIGHTS].count(b'"headline"')
        assert written >= WRITTEN_LEAST[key]


def test_small_chats_are_none_larger_ones_thin_then_good_and_never_worse_again():
    order = [Fit.NONE, Fit.THIN, Fit.GOOD]
    for category in CATEGORIES:
        seen = [order.index(fits(talk(count), category)) for count in (*SIZES, 10_000)]
        assert seen == sorted(seen)
        assert {0, 1, 2} == set(seen)


@pytest.mark.parametrize(
    ("held", "fit", "code"),
    [
        (Measures(0, 0, 0), Fit.NONE, "too_few_messages"),
        (Measures(59, 2, 30), Fit.NONE, "too_few_messages"),
        (Measures(60, 1, 30), Fit.NONE, "too_few_people"),
        (Measures(100_000, 0, 900), Fit.NONE, "too_few_people"),
        (Measures(60, 2, 1), Fit.THIN, "too_few_messages"),
        (Measures(499, 2, 30), Fit.THIN, "too_few_messages"),
        (Measures(500, 2, 9), Fit.THIN, "too_few_days"),
        (Measures(500, 2, 10), Fit.GOOD, None),
        (Measures(500, None, None), Fit.GOOD, None),
        (Measures(59, None, None), Fit.NONE, "too_few_messages"),
    ],
)
def test_the_reason_names_what_is_missing(held: Measures, fit: Fit, code: str | None):
    told, short = fit_of("friendship", held)
    assert (told, short and short.code) == (fit, code)
    assert short is None or (short.text.endswith(".") and "  " not in short.text)


def test_what_a_chat_holds_is_counted_by_words_people_and_days():
    at = datetime(2024, 3, 1, 23, 50, tzinfo=ZONE)
    said = [("Ana", "ok")] * VOICE_MESSAGES_MIN + [("Ben", "да")] * (VOICE_MESSAGES_MIN - 1)
    said += [("Ben", "😂"), ("Ben", "123"), ("Ben", ""), ("Cem", "了解")]
    messages = [
        Message(number, at + timedelta(minutes=number), author, text)
        for number, (author, text) in enumerate(said, start=1)
    ]
    assert substance_of(messages) == Substance(worded=10, voices=1, days=2)


def test_every_category_needs_less_to_be_sold_than_to_be_good():
    for least in LEAST.values():
        assert least.worded < ENOUGH.worded
        assert least.voices <= ENOUGH.voices
        assert least.days <= ENOUGH.days
