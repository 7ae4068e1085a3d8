"""The context is built once for six insights and must survive the cache unchanged."""

from datetime import timedelta

import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.content import EvidenceMissing, Finding, InsightContent, checked_evidence
from app.chats.message import Message
from app.generation.context import WORDS_MAX, InsightContext, build_context
from app.generation.offline.generator import OfflineGenerator
from tests.support.chats import ZONE, friends
from tests.support.models import attempt


@pytest.mark.parametrize("key", list(CATEGORIES))
async def test_a_context_read_back_writes_the_same_insights(key: str):
    context = build_context(friends(), CATEGORIES[key])
    again = InsightContext.from_bytes(context.to_bytes())
    assert again == context
    for spec in CATEGORIES[key].insights:
        fresh = await attempt(OfflineGenerator()).write(spec, context)
        cached = await attempt(OfflineGenerator()).write(spec, again)
        assert fresh == cached


def test_passages_are_real_messages_within_the_budget_of_words():
    messages = friends()
    context = build_context(messages, CATEGORIES["friendship"])
    assert set(context.passages) == {spec.key for spec in CATEGORIES["friendship"].insights}
    for passages in context.passages.values():
        rows = [row for passage in passages for row in passage]
        assert rows
        assert sum(len(row.text.split()) for row in rows) <= WORDS_MAX
        numbers = [row.number for row in rows]
        assert numbers == sorted(set(numbers))
        for row in rows:
            original = messages[row.number - 1]
            assert (row.author, row.text, row.at) == (original.author, original.text, original.at)


def test_the_quarrel_stands_in_the_passages_about_rough_patches():
    context = build_context(friends(), CATEGORIES["friendship"])
    texts = [row.text for passage in context.passages["rough_patches"] for row in passage]
    assert "leave me alone, you don't care" in texts


def test_people_and_span_are_those_of_the_whole_chat():
    messages = friends()
    context = build_context(messages, CATEGORIES["work"])
    assert context.message_count == len(messages)
    assert {each.name for each in context.participants} == {"Ana", "Ben"}
    assert sum(each.messages for each in context.participants) == len(messages)
    assert (context.first_at, context.last_at) == (messages[0].at, messages[-1].at)


def test_the_context_of_a_crowded_chat_stays_small():
    start = friends()[0].at
    crowd = [
        Message(
            number, start + timedelta(minutes=number), f"Person {number % 300}", "are we there?"
        )
        for number in range(1, 6001)
    ]
    assert len(build_context(crowd, CATEGORIES["family"]).to_bytes()) < 400_000


def test_a_chat_without_messages_has_no_context():
    with pytest.raises(ValueError, match="without messages"):
        build_context([], CATEGORIES["family"])


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


def test_times_keep_the_clock_of_the_upload():
    context = build_context(friends(), CATEGORIES["family"])
    assert context.first_at.tzinfo is ZONE
    assert InsightContext.from_bytes(context.to_bytes()).first_at.hour == context.first_at.hour


def _content(*evidence: list[int]) -> InsightContent:
    return InsightContent(
        headline="h",
        summary="s",
        findings=[Finding(claim="c", evidence=numbers) for numbers in evidence],
        metrics={},
        confidence=0.5,
    )
