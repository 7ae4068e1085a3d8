"""The retrieval over made-up chats and a meeting of the benchmark's form, and what those hold."""

from itertools import chain
from pathlib import Path
from statistics import fmean

import orjson
import pytest

from app.generation.retrieval import words_of
from benchmarks.retrieval.chats import SHAPES, made_up_chat
from benchmarks.retrieval.measures import coverage, found
from benchmarks.retrieval.meetings import meetings
from benchmarks.retrieval.planted import LANGUAGES, PARTS, facts

PAIR, _GROUP, LETTERS = SHAPES


@pytest.mark.parametrize("part", PARTS)
def test_ten_windows_hold_what_answers_nine_questions_of_ten(part: str) -> None:
    chats = [made_up_chat(each, LETTERS, seed=1) for each in LANGUAGES]
    chats += [made_up_chat(each, PAIR, seed=1) for each in ("de", "fr")]
    assert found(chats, part) >= 0.88


def test_equal_seeds_make_equal_chats_and_each_question_has_its_answer() -> None:
    chat = made_up_chat("es", LETTERS, seed=3)
    assert chat == made_up_chat("es", LETTERS, seed=3)
    assert chat != made_up_chat("es", LETTERS, seed=4)
    assert {one.text for one in chat.questions} == {fact.ask for fact in facts("es")}
    texts = {message.number: message.text for message in chat.messages}
    answers = {said.text for fact in facts("es") for said in fact.said if said.is_answer}
    assert {texts[each] for one in chat.questions for each in one.evidence} == answers
    assert [message.at for message in chat.messages] == sorted(each.at for each in chat.messages)


@pytest.mark.parametrize("language", LANGUAGES)
def test_questions_are_in_other_words_than_their_answers(language: str) -> None:
    shares: list[float] = []
    for fact in facts(language):
        asked = set(words_of(fact.ask))
        said = set(chain.from_iterable(words_of(one.text) for one in fact.said if one.is_answer))
        shares.append(len(asked & said) / len(asked))
    assert max(shares) < 0.7
    assert 0.1 < fmean(shares) < 0.45


def test_what_is_covered_of_a_meeting_is_a_share_of_its_turns(tmp_path: Path) -> None:
    turns = [{"speaker": "Ana", "content": f"weather {n} " * 40} for n in range(60)]
    turns[30]["content"] = "the budget is ten thousand " * 10
    query = {"query": "What is the budget?", "relevant_text_span": [["30", "30"], [58, 59]]}
    path = tmp_path / "meetings.jsonl"
    told = {"meeting_transcripts": turns, "specific_query_list": [query]}
    path.write_bytes(orjson.dumps(told) + b"\n\n")
    assert coverage(meetings(path)) == pytest.approx(1 / 3)  # pyright: ignore[reportUnknownMemberType] (untyped in pytest)
