"""Retrieval finds what a question is about, in any script, within its budget of words."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import log
from random import Random

import pytest

from app.chats.message import Message
from app.generation import postings
from app.generation.retrieval import (
    ChatIndex,
    build_index,
    rank_windows,
    select_context,
    stem,
    whole_chat,
    words_of,
)

START = datetime(2024, 1, 1, 9, tzinfo=UTC)


def chat(texts: Sequence[str], *, people: Sequence[str] = ("Ana", "Ben")) -> list[Message]:
    return [
        Message(n, START + timedelta(minutes=n), people[n % len(people)], text)
        for n, text in enumerate(texts, start=1)
    ]


def filler(count: int) -> list[str]:
    return [f"talk about weather number {n}" for n in range(count)]


def test_the_passage_a_query_names_is_found_with_its_surroundings():
    texts = [*filler(100), "the dentist moved my appointment", *filler(100)]
    chunks = select_context(build_index(chat(texts)), ["dentist appointment"], words_max=100)
    numbers = [message.number for chunk in chunks for message in chunk.messages]
    assert 101 in numbers
    assert {100, 102} & set(numbers)


def test_chunks_are_consecutive_in_file_order_and_never_overlap():
    texts = [*filler(40), "sailing", *filler(40), "sailing again", *filler(40)]
    chunks = select_context(build_index(chat(texts)), ["sailing"], words_max=200)
    numbers = [message.number for chunk in chunks for message in chunk.messages]
    assert numbers == sorted(set(numbers))
    for chunk in chunks:
        inside = [message.number for message in chunk.messages]
        assert inside == list(range(chunk.first, chunk.last + 1))


def test_a_long_chat_is_indexed_in_blocks_as_if_at_once(monkeypatch: pytest.MonkeyPatch):
    messages = chat([f"{line} sailing" for line in filler(150)] + ["sailing sailing café"] * 50)
    whole = build_index(messages)
    monkeypatch.setattr(postings, "BLOCK_WINDOWS", 7)
    blocks = build_index(messages)
    assert blocks.postings == whole.postings
    assert {place >> 8 for place in whole.postings["sail"]} == set(range(len(whole.windows)))
    assert max(place & 255 for place in whole.postings["cafe"]) == 8


def test_the_budget_of_words_is_kept():
    texts = [f"sailing {'and more words ' * 5}" for _ in range(200)]
    chunks = select_context(build_index(chat(texts)), ["sailing"], words_max=300, sample_words=100)
    words = sum(len(message.text.split()) for chunk in chunks for message in chunk.messages)
    assert 150 < words <= 300


def test_several_queries_take_turns():
    texts = [*["sailing on the lake"] * 60, *filler(60), "one dentist", *filler(60)]
    index = build_index(chat(texts))
    chunks = select_context(index, ["sailing lake", "dentist"], words_max=150)
    assert any("dentist" in message.text for chunk in chunks for message in chunk.messages)


def test_windows_stop_at_a_long_silence():
    before = chat(["the goat ate the hat", "poor hat"])
    after = [
        message._replace(number=message.number + 2, at=message.at + timedelta(days=3))
        for message in chat(["new week", "indeed"])
    ]
    chunks = select_context(build_index([*before, *after]), ["goat"], words_max=50)
    assert [(chunk.first, chunk.last) for chunk in chunks] == [(1, 2)]


def test_a_sample_reaches_all_of_the_time_and_quiet_people():
    people = ["Ana"] * 40 + ["Ben"] * 40 + ["Cem"]
    texts = filler(810)
    chunks = select_context(
        build_index(chat(texts, people=people)),
        ["nothing of this"],
        words_max=600,
        sample_words=600,
    )
    messages = [message for chunk in chunks for message in chunk.messages]
    quarters = {(message.number - 1) * 4 // 810 for message in messages}
    assert quarters == {0, 1, 2, 3}
    assert {"Ana", "Ben"} <= {message.author for message in messages}


def test_japanese_is_found_by_pairs_of_characters():
    texts = [*["今日は雨です"] * 50, "京都のホテルを予約した", *["明日も雨です"] * 50]
    chunks = select_context(build_index(chat(texts)), ["京都ホテル"], words_max=40)
    assert any("京都" in message.text for chunk in chunks for message in chunk.messages)


def test_words_keep_their_marks_and_leave_out_links():
    assert words_of("Ça va? हिन्दी see https://example.org/a?b=c") == ["ça", "va", "हिन्दी", "see"]
    assert words_of("我爱你 ok") == ["我爱", "爱你", "ok"]


def test_an_ending_does_not_hide_a_word():
    index = build_index(chat([*filler(50), "I booked two tickets", *filler(50)]))
    assert rank_windows(index, "booking ticket")


def test_a_person_can_be_asked_for_by_name():
    index = build_index(chat(filler(8) + filler(8), people=["Ana"] * 8 + ["Zora"] * 8))
    best = rank_windows(index, "zora")[0]
    start, stop = index.windows[best]
    assert "Zora" in {index.messages[at].author for at in range(start, stop)}


def test_a_chat_without_text_gives_no_context():
    assert select_context(build_index([]), ["anything"], words_max=100) == []
    assert select_context(build_index(chat(["", ""])), ["anything"], words_max=100) == []


def test_a_chat_that_fits_is_one_passage_and_one_word_more_is_searched() -> None:
    messages = chat(["one two three", "", "four five six"])
    tokens = [words_of(message.text) for message in messages]
    whole = whole_chat(messages, tokens, words_max=6)
    assert whole is not None
    assert [(chunk.first, chunk.last, chunk.messages) for chunk in whole] == [
        (1, 3, tuple(messages))
    ]
    assert whole_chat(messages, tokens, words_max=5) is None
    assert whole_chat(chat(["", ""]), [[], []], words_max=5) is None


@pytest.mark.parametrize(("longest", "is_talk"), [(9, False), (40, True)])
def test_the_order_of_windows_is_that_of_the_formula(longest: int, is_talk: bool):
    rng = Random(7)
    words = [f"word{n}" for n in range(40)]
    texts = [" ".join(rng.choices(words, k=rng.randint(0, longest))) for _ in range(600)]
    index = build_index(chat(texts))
    assert set(index.is_talk) == {is_talk}
    for query in ("word1 word2 word3", "word7", "ana word9"):
        scores = scored(index, query)
        expected = sorted(
            (window for window, score in scores.items() if score), key=lambda w: (-scores[w], w)
        )[:2000]
        ranked = {w: with_neighbours(scores, w) if is_talk else scores[w] for w in expected}
        expected.sort(key=lambda window: (-ranked[window], window))
        assert rank_windows(index, query) == expected[:400]


def test_only_long_conversations_in_long_turns_are_talk():
    speech, typing = ["a turn " * 15, "yes"] * 60, ["so it is", "yes"] * 60
    messages = chat([*speech, *typing, *speech[:90]])
    later = [
        message._replace(at=message.at + timedelta(days=at // 120))
        for at, message in enumerate(messages)
    ]
    index = build_index(later)
    talking = [
        window for window, is_talk in zip(index.windows, index.is_talk, strict=True) if is_talk
    ]
    assert (talking[0][0], talking[-1][1]) == (0, 120)
    assert all(stop <= 120 for _, stop in talking)


def test_accents_that_were_not_typed_hide_no_word_and_no_name():
    index = build_index(chat([*filler(50), "la lecon de natation", *filler(50)]))
    assert rank_windows(index, "leçon")
    assert rank_windows(build_index(chat(["hi"], people=["Hélène"])), "helene")
    assert not rank_windows(build_index(chat(["が"])), "か")


def scored(index: ChatIndex, query: str) -> dict[int, float]:
    """BM25, k1 = 1.2, b = 0.75, as Robertson & Zaragoza (2009) give it."""
    bags = [
        [
            stem(word)
            for message in index.messages[start:stop]
            for word in [*words_of(message.text), *words_of(message.author)]
        ]
        for start, stop in index.windows
    ]
    average = sum(map(len, bags)) / len(bags)
    scores = dict.fromkeys(range(len(bags)), 0.0)
    for term in map(stem, words_of(query)):
        holding = sum(term in bag for bag in bags)
        idf = log(1 + (len(bags) - holding + 0.5) / (holding + 0.5))
        for window, bag in enumerate(bags):
            if frequency := bag.count(term):
                floor = 1.2 * (1 - 0.75 + 0.75 * len(bag) / average)
                scores[window] += idf * frequency * 2.2 / (frequency + floor)
    return scores


def with_neighbours(scores: dict[int, float], window: int) -> float:
    """All windows lie in one conversation here."""
    near = ((1, 1.0), (2, 0.5))
    return scores[window] + sum(
        weight * scores.get(window + offset * side, 0.0)
        for offset, weight in near
        for side in (-1, 1)
    )
