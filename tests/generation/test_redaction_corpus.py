"""Redaction over the corpus of benchmarks/redaction, and what the corpus must hold."""

from collections import Counter

import pytest

from benchmarks.redaction.corpus import PARTS, PLAIN, sentences
from benchmarks.redaction.judge import PRECISION_MIN, RECALL_MIN, judge

ALL = list(sentences())
COUNTRIES_MIN = 15
SENTENCES_MIN = 400


@pytest.mark.parametrize("part", PARTS)
def test_recall_and_precision_are_kept_on_each_part_of_the_corpus(part: str) -> None:
    score = judge(one for one in ALL if one.part == part)
    wrong = [(one.marked, sent) for one, sent in score.wrong]
    assert score.recall >= RECALL_MIN, wrong
    assert score.precision >= PRECISION_MIN, wrong


def test_the_corpus_has_enough_of_both_and_a_third_of_it_is_held_out() -> None:
    secrets, plain = Counter[str](), Counter[str]()
    for one in ALL:
        secrets[one.part] += len(one.secrets)
        plain[one.part] += one.kind == PLAIN
    assert secrets.total() >= SENTENCES_MIN
    assert plain.total() >= SENTENCES_MIN
    assert secrets["held_out"] >= 0.3 * secrets.total()
    assert plain["held_out"] >= 0.3 * plain.total()
    assert len({one.country for one in ALL} - {"any"}) >= COUNTRIES_MIN


def test_every_sentence_that_is_not_plain_marks_a_secret_and_no_plain_one_does() -> None:
    assert [one for one in ALL if bool(one.secrets) == (one.kind == PLAIN)] == []
