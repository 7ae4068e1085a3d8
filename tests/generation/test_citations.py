"""Cited messages carry what is claimed: `python -m benchmarks.citations`, in small."""

import pytest

from benchmarks.citations import LIES, is_met, judge, lied_to, measures, offline
from benchmarks.offline_quality import kinds
from benchmarks.offline_quality.chat import Chat
from benchmarks.offline_quality.run import write_all
from benchmarks.offline_quality.scenes import scene_chats


@pytest.fixture(scope="module")
def planted() -> list[Chat]:
    return [*scene_chats(3, rounds=1)[::6], kinds.pair("en", 3), kinds.group("de", 3)]


def test_offline_claims_are_carried_by_the_messages_they_cite(planted: list[Chat]):
    told = offline(planted)
    assert len(told) > 300
    wrong = [(each.text, each.why) for each in told if not each.is_carried]
    assert is_met(measures(told)), wrong


def test_of_a_model_that_lies_true_findings_are_stored_and_lies_are_not(planted: list[Chat]):
    lied = lied_to(planted[:6], seed=3)
    assert all(lied.given[kind] >= 20 for kind in LIES)
    assert {kind: lied.stored[kind] for kind in LIES} == dict.fromkeys(LIES, 0)
    assert lied.stored["true"] == lied.given["true"]
    assert is_met(measures(lied.verdicts))


def test_the_judge_sees_a_claim_with_the_wrong_messages(planted: list[Chat]):
    chat = planted[-2]
    contents = write_all(chat)
    quoted = [
        finding
        for content in contents.values()
        for finding in content.findings
        if "“" in finding.claim and len(finding.evidence) < 4
    ]
    assert quoted
    for finding in quoted:
        assert judge(chat, finding.claim, finding.evidence).is_carried
        others = [number % len(chat.said) + 1 for number in finding.evidence]
        assert not judge(chat, finding.claim, others).is_carried
