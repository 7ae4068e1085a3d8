"""What pictures are drawn from."""

from datetime import UTC, date, datetime, timedelta

import pytest

from app.chats.message import Message
from app.chats.pictures import PEOPLE_MAX, Bucket, EmptyPeriod, draw
from app.chats.quantiles import median, quantile
from app.chats.telling_words import TellingWord, count_words, telling_apart

START = datetime(2024, 1, 1, 12, tzinfo=UTC)


def said(*lines: tuple[float, str, str]) -> list[Message]:
    """Messages, each some minutes after the start."""
    return [
        Message(n, START + timedelta(minutes=minutes), author, text)
        for n, (minutes, author, text) in enumerate(lines, start=1)
    ]


def test_who_answers_whom_is_told_row_by_row() -> None:
    told = draw(
        said((0, "A", "x"), (1, "B", "x"), (2, "C", "x"), (3, "B", "x"), (4, "B", "x")), None, None
    )
    place = {name: n for n, name in enumerate(told.people)}
    assert told.answers[place["B"]][place["A"]] == 1
    assert told.answers[place["B"]][place["C"]] == 1
    assert told.answers[place["C"]][place["B"]] == 1
    assert sum(map(sum, told.answers)) == 3


def test_an_answer_after_six_hours_starts_a_conversation_instead() -> None:
    told = draw(said((0, "A", "x"), (359, "B", "x"), (719, "A", "x")), None, None)
    assert [(one.person, one.spans) for one in told.replies] == [(1, [0, 0, 0, 0, 1])]
    assert told.starts == [2, 0]


def test_people_beyond_the_shown_ones_are_one() -> None:
    many = PEOPLE_MAX + 3
    lines = [(n, f"P{n:02}", "x") for n in range(many)] + [(many, "P00", "x")]
    told = draw(said(*lines), None, None)
    assert (len(told.people), told.others) == (PEOPLE_MAX, 3)
    assert told.buckets[0].counts == [2] + [1] * (PEOPLE_MAX - 1) + [3]
    assert len(told.by_weekday_hour) == PEOPLE_MAX + 1
    assert told.starts_of_others == 0


@pytest.mark.parametrize(
    ("days", "step", "buckets"),
    [(10, Bucket.DAY, 10), (6_000, Bucket.WEEK, 858), (40_000, Bucket.MONTH, 1_315)],
)
def test_a_long_time_is_told_in_longer_steps(days: int, step: Bucket, buckets: int) -> None:
    told = draw(said(*((n * 1440, "A", "x") for n in range(days))), None, None)
    assert (told.step, len(told.buckets)) == (step, buckets)
    assert sum(sum(one.counts) for one in told.buckets) == days


def test_the_first_week_of_the_calendar_begins_with_its_first_day() -> None:
    first = datetime(1, 1, 3, tzinfo=UTC)
    messages = [Message(n, first + timedelta(days=n), "A", "x") for n in range(6_000)]
    assert draw(messages, None, None).buckets[0].day == date(1, 1, 1)


def test_of_one_person_everything_is_counted_anew() -> None:
    day = 1440
    told = draw(
        said(
            (0, "A", "cat ❤"), (1, "B", "dog 😂 😂"), (day, "A", "cat"), (day + 1, "B", "dog"),
            (2 * day, "B", "dog"), (2 * day + 1, "B", "dog"), (9 * day, "A", "bird ❤️"),
        ),
        None,
        None,
    )  # fmt: skip
    assert told.people == ["B", "A"]
    ben, ana = told.by_person
    assert (ana.active_days, ben.active_days) == (3, 3)
    assert (ana.longest_streak.days, ben.longest_streak.days) == (2, 3)
    assert ana.longest_silence is not None
    assert ana.longest_silence.seconds == 8 * 24 * 3600
    assert ben.busiest_day.day == date(2024, 1, 3)
    assert [(one.word, one.count) for one in ana.top_words] == [("cat", 2), ("bird", 1)]
    assert [(one.emoji, one.count) for one in ana.top_emoji] == [("❤️", 2)]
    assert [(one.emoji, one.count) for one in ben.top_emoji] == [("😂", 2)]


def test_seasons_of_one_person_are_told_by_their_own_words() -> None:
    ana = [(n * 60, "A", "spring" if n < 50 else "autumn") for n in range(100)]
    ben = [(n * 60 + 1, "B", "rain falls softly") for n in range(100)]
    told = draw(said(*sorted(ana + ben)), None, None)
    of_ana = told.by_person[told.people.index("A")].seasons
    of_ben = told.by_person[told.people.index("B")].seasons
    assert [[one.word for one in season.items] for season in of_ana] == [["spring"], ["autumn"]]
    assert [season.items for season in of_ben] == [[], []]
    assert [one.first_day for one in of_ana] == [one.first_day for one in told.seasons]


def test_an_empty_time_is_refused() -> None:
    with pytest.raises(EmptyPeriod):
        draw(said((0, "A", "x")), date(2025, 1, 1), None)


def test_words_tell_people_apart_that_one_uses_more_than_the_others() -> None:
    ana = ["the cat sleeps"] * 20 + ["garden"] * 5
    ben = ["the dog sleeps"] * 20 + ["see https://cat.example/cat"] * 30
    told = telling_apart([count_words(ana), count_words(ben)])
    assert TellingWord(word="cat", count=20) in told[0]
    assert TellingWord(word="dog", count=20) in told[1]
    words = {one.word for one in told[0] + told[1]}
    assert not words & {"the", "sleeps", "https", "example"}


def test_one_alone_is_told_from_nobody() -> None:
    assert telling_apart([count_words(["cat"] * 50), count_words([])]) == [[], []]
    rare, common = count_words(["rare rare"]), count_words(["x"] * 50)
    assert telling_apart([rare, common])[0] == []


def test_the_median_is_a_value_that_occurs_the_lower_of_two() -> None:
    assert median([3, 1]) == 1
    assert median([5, 1, 3]) == 3
    assert median([]) is None
    assert quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9) == 9
