"""A chat is prepared once for all insights, and a job finds in it what it would have built."""

import re
from datetime import timedelta

import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.content import EvidenceMissing, Finding, InsightContent, checked_evidence
from app.chats.message import Message
from app.generation.context import InsightContext, Part
from app.generation.model.disclosure import SEARCHED_MAX, TEXT_MAX
from app.generation.model.redaction import restored
from app.generation.offline.claims.story import Story
from app.generation.offline.generator import OfflineGenerator
from app.generation.offline.writers import WRITERS
from app.generation.preparation import WORDS_MAX, build_context, prepare
from app.generation.protocol import GenerationFailed
from tests.support.chats import friends
from tests.support.models import attempt


@pytest.mark.parametrize("key", list(CATEGORIES))
async def test_a_context_read_back_writes_the_same_insights(key: str):
    context = build_context(friends(), CATEGORIES[key])
    again = InsightContext(context.message_count, dict(context.parts))
    assert again.disclosure() == context.disclosure()
    for spec in CATEGORIES[key].insights:
        fresh = await attempt(OfflineGenerator()).write(spec, context)
        opened = await attempt(OfflineGenerator()).write(spec, again)
        assert fresh == opened


@pytest.mark.parametrize("key", list(CATEGORIES))
def test_a_prepared_chat_holds_what_each_category_is_built_from(key: str):
    prepared = prepare(friends())
    assert prepared.unwritten == {}
    assert {category for category, _ in prepared.parts} == set(CATEGORIES)
    context = build_context(friends(), CATEGORIES[key])
    assert {part: prepared.parts[key, part] for part in Part} == context.parts


def test_what_is_shown_are_real_messages_within_the_budget_of_words():
    messages = friends()
    disclosure = build_context(messages, CATEGORIES["friendship"]).disclosure()
    assert disclosure.numbers == sorted(set(disclosure.numbers))
    assert 0 < sum(len(text.split()) for text in disclosure.texts) <= 6 * WORDS_MAX
    aliases = {alias: name for alias, name in disclosure.originals.items() if alias[0] == "P"}
    for number, head, text in zip(
        disclosure.numbers, disclosure.heads, disclosure.texts, strict=True
    ):
        original = messages[number - 1]
        place, day, minute, alias = head.removesuffix(": ").split(" ")
        assert (place, f"{day} {minute}") == (f"#{number}", f"{original.at:%Y-%m-%d %H:%M}")
        assert (aliases[alias], restored(text, disclosure.originals)) == (
            original.author,
            original.text,
        )


def test_the_quarrel_is_shown():
    disclosure = build_context(friends(), CATEGORIES["friendship"]).disclosure()
    assert "leave me alone, you don't care" in disclosure.texts


def test_people_and_span_are_those_of_the_whole_chat():
    messages = friends()
    people, whole, *_ = build_context(messages, CATEGORIES["work"]).disclosure().preface
    counts = [int(count) for count in re.findall(r"P[12]: (\d+) messages", people)]
    assert sum(counts) == len(messages)
    days = f"{messages[0].at.date()} to {messages[-1].at.date()}"
    assert whole == f"The whole chat: {len(messages)} messages, {days}."


def test_the_context_of_a_crowded_chat_stays_small():
    start = friends()[0].at
    crowd = [
        Message(
            number, start + timedelta(minutes=number), f"Person {number % 300}", "are we there?"
        )
        for number in range(1, 6001)
    ]
    context = build_context(crowd, CATEGORIES["family"])
    assert sum(map(len, context.parts.values())) < 400_000


def test_an_insight_that_cannot_be_written_keeps_no_other_from_being_prepared(
    monkeypatch: pytest.MonkeyPatch,
):
    def fail(_: Story) -> InsightContent:
        raise RuntimeError("leave me alone, you don't care")

    monkeypatch.setitem(WRITERS, ("friendship", "listening"), fail)
    prepared = prepare(friends())
    assert prepared.unwritten == {"friendship/listening": "RuntimeError"}
    parts = {part: prepared.parts["friendship", part] for part in Part}
    written = InsightContext(len(friends()), parts).insights
    assert {spec.key for spec in CATEGORIES["friendship"].insights} - set(written) == {"listening"}


async def test_an_insight_that_was_not_written_ends_the_job():
    context = InsightContext(9, {Part.INSIGHTS: b"{}"})
    with pytest.raises(GenerationFailed) as failed:
        await attempt(OfflineGenerator()).write(CATEGORIES["work"].insights[0], context)
    assert (failed.value.code, failed.value.is_final) == ("insight_unwritten", True)


def test_a_chat_without_messages_cannot_be_prepared():
    with pytest.raises(ValueError, match="without messages"):
        prepare([])


def test_evidence_that_does_not_exist_is_taken_out():
    content = _content([3, 99, 3, 0], [7, 100])
    checked = checked_evidence(content, message_count=10)
    assert [finding.evidence for finding in checked.findings] == [[3], [7]]


def test_a_finding_without_evidence_is_dropped():
    checked = checked_evidence(_content([99], [2]), message_count=10)
    assert [finding.evidence for finding in checked.findings] == [[2]]


def test_content_without_any_existing_evidence_is_refused():
    with pytest.raises(EvidenceMissing):
        checked_evidence(_content([11], []), message_count=10)


def _content(*evidence: list[int]) -> InsightContent:
    return InsightContent(
        headline="h",
        summary="s",
        findings=[Finding(claim="c", evidence=numbers) for numbers in evidence],
        metrics={},
        confidence=0.5,
    )


def told_of(text: str) -> str:
    """What is sent of a message."""
    messages = [
        Message(number, friends()[0].at, author, said)
        for number, (author, said) in enumerate([("Ann", text), ("Ben", "ok"), ("Ann", "yes")], 1)
    ]
    return build_context(messages, CATEGORIES["friendship"]).disclosure().texts[0]


@pytest.mark.parametrize("before", range(TEXT_MAX - 24, TEXT_MAX + 1))
def test_a_secret_that_the_cut_divides_leaves_no_piece(before: int):
    told = told_of(("word " * TEXT_MAX)[: before - 1] + " +44 7700 900123 and more words")
    assert len(told) <= TEXT_MAX
    assert re.search(r"\d", told.replace("[PHONE_1]", "")) is None
    assert "[" not in told.replace("[PHONE_1]", "")


@pytest.mark.parametrize("before", range(SEARCHED_MAX - 24, SEARCHED_MAX + 1, 3))
def test_a_secret_that_the_search_divides_leaves_no_piece(before: int):
    text = "https://example.org/?token=" + "a1B" * 620 + " "
    text += ("word " * SEARCHED_MAX)[: before - len(text) - 1] + " +44 7700 900123 and more"
    told = told_of(text)
    assert told.startswith("[URL_1] word")
    assert re.search(r"\d", told.replace("[URL_1]", "").replace("[PHONE_1]", "")) is None


def test_a_secret_link_longer_than_a_message_leaves_no_piece():
    told = told_of("look https://example.org/?token=" + "a1B-" * 900 + "&more=yes bye")
    assert told == "look [URL_1]"
