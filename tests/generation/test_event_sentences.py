"""Sentences that name an event name one: `python -m benchmarks.offline_quality.events`, in small.

The judge is put to the test, too: it must see through a sentence that is made false.
"""

from dataclasses import replace

import pytest

from benchmarks.offline_quality.event_judge import (
    PRECISION_MIN,
    Told,
    judge_events,
    precision,
)
from benchmarks.offline_quality.events import judged
from benchmarks.offline_quality.run import write_all
from benchmarks.offline_quality.scenes import LANGUAGES, scene_chats

RECALL_MIN = 0.8


@pytest.fixture(scope="module", params=[False, True], ids=["tuned", "held out"])
def told(request: pytest.FixtureRequest) -> list[Told]:
    return judged(7, rounds=1, held_out=request.param)


def test_hardly_a_sentence_names_an_event_that_is_none(told: list[Told]):
    sentences = [each for one in told for each in one.sentences]
    assert len(sentences) > 150
    assert {each.chat.language for each in sentences} == set(LANGUAGES)
    wrong = [(each.chat.name, each.kind, each.text) for each in sentences if not each.is_true]
    assert precision(sentences) >= PRECISION_MIN, wrong


def test_most_planted_events_are_told(told: list[Told]):
    planted = sum(one.planted.total() for one in told)
    assert sum(one.found.total() for one in told) >= RECALL_MIN * planted


def test_an_event_of_a_scene_that_only_sounds_like_it_is_judged_false():
    [chat, *_] = scene_chats(7, rounds=1, held_out=False)
    contents = write_all(chat)
    true = [each for each in judge_events(chat, contents).sentences if each.cited]
    assert true
    assert all(each.is_true for each in true)
    moved = replace(
        chat,
        said=tuple(
            replace(said, scene=said.scene.replace("events/", "opposites/")) for said in chat.said
        ),
    )
    assert not any(each.is_true for each in judge_events(moved, contents).sentences)


def test_an_event_by_somebody_else_is_judged_false():
    [chat, *_] = scene_chats(7, rounds=1, held_out=False)
    swapped = {"Ana": "Ben", "Ben": "Ana"}
    other = replace(
        chat, said=tuple(replace(s, author=swapped.get(s.author, s.author)) for s in chat.said)
    )
    told = [each for each in judge_events(other, write_all(chat)).sentences if each.cited]
    one_sided = [each for each in told if len({s.author for s in _cited(chat, each.cited)}) == 1]
    assert one_sided
    assert not any(each.is_true for each in one_sided)


def _cited(chat, numbers: tuple[int, ...]):
    return [said for said in chat.said if said.number in numbers]
