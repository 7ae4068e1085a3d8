"""The offline insights keep what `python -m benchmarks.offline_quality` promises, on a few chats.

The judge itself is put to the test: it must see through claims that were made false.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from benchmarks.offline_quality import kinds
from benchmarks.offline_quality.judge import FALSE, TRUE, Claim, Verdict, judge_claims
from benchmarks.offline_quality.report import invented, is_met, rates, told_false, told_missed
from benchmarks.offline_quality.run import Judged, judge

CAUGHT_MIN = 0.95
_NUMBER = re.compile(r"(?<![\w“+])\d[\d,]*(?![\w”])")


@pytest.fixture(scope="module")
def judged() -> Judged:
    return judge(
        [
            kinds.pair("en", 1),
            kinds.pair("tr", 2),
            kinds.group("es", 1),
            kinds.one_sided("fr", 1),
            kinds.calm("it", 1),
            kinds.short("de", 1, quarrel=True),
            kinds.short("pt", 1, quarrel=False),
            kinds.unread("fi", 1),
            kinds.monologue(1),
            kinds.pair("es", 1, unseen=True),
        ]
    )


def test_planted_facts_are_found_and_hardly_a_claim_is_false(judged: Judged):
    assert is_met(judged), f"{rates(judged)}\n{told_missed(judged)}\n{told_false(judged)}"


def test_no_quarrel_and_no_promise_is_invented(judged: Judged):
    claims, chats = invented(judged)
    assert chats >= 4  # The others hold too little to be sold.
    assert claims == 0


def test_a_claim_made_false_is_judged_false(judged: Judged):
    outcomes = [
        judge_claims(verdict.chat, [spoilt])[0].outcome
        for verdict in judged.verdicts
        if verdict.outcome == TRUE and verdict.chat.name in ("pair-en-1", "group-es-1")
        for spoilt in _spoilt(verdict)
    ]
    assert len(outcomes) > 250
    assert sum(each != TRUE for each in outcomes) / len(outcomes) >= CAUGHT_MIN


def _spoilt(verdict: Verdict) -> Iterator[Claim]:
    """The claim with each of its numbers raised by seven, and with two people changed about."""
    text = verdict.claim.text
    for number in _NUMBER.finditer(text):
        raised = int(number[0].replace(",", "")) + 7
        yield replace(verdict.claim, text=f"{text[: number.start()]}{raised}{text[number.end() :]}")
    names = sorted({said.author for said in verdict.chat.said})
    for name, other in pairwise(names):
        if name in text:
            swapped = text.replace(name, "\0").replace(other, name).replace("\0", other)
            yield replace(verdict.claim, text=swapped)
            return


def test_a_true_claim_with_the_wrong_messages_is_judged_false(judged: Judged):
    opened = [each for each in judged.verdicts if each.kind == "opened most"]
    assert opened
    for verdict in opened:
        starts = set(verdict.claim.evidence)
        others = tuple(number + 1 for number in starts)
        [again] = judge_claims(verdict.chat, [replace(verdict.claim, evidence=others)])
        assert again.outcome == FALSE


def test_the_same_seed_makes_the_same_chats():
    once, twice = kinds.chats(3, rounds=1), kinds.chats(3, rounds=1)
    assert once == twice
    assert len({chat.name for chat in once}) == len(once) > 40
