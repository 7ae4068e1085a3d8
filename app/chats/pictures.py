"""What the pictures of a chat are drawn from: its statistics in a part of its time, by person."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from app.chats.message import CONVERSATION_SILENCE_S, Message
from app.chats.quantiles import quantile
from app.chats.statistics import (
    ChatStatistics,
    EmojiCount,
    WordCount,
    compute_statistics,
    top_emoji,
    top_words,
)
from app.chats.statistics_calendar import (
    DayCount,
    Silence,
    Streak,
    longest_silence,
    read_calendar,
)
from app.chats.statistics_words import batches, find_emoji
from app.chats.telling_words import TellingWord, count_words, merged, telling_apart
from app.errors import DomainError

PEOPLE_MAX = 12
"""Those who wrote most; all further ones are one, the last."""
BUCKETS_MAX = 5_000
SPANS_S = (60, 300, 900, 3_600, CONVERSATION_SILENCE_S)
"""Answers are counted by the time they took; a later one starts a conversation instead."""


class EmptyPeriod(DomainError):
    """There is no message in this time."""

    code, http_status = "empty_period", 422


class Bucket(StrEnum):
    """How long the steps of a timeline are."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class BucketCounts(_Part):
    """Messages from `day` on, by person; a step without a message is left out."""

    day: date
    counts: list[int]


class Replies(_Part):
    """Answers of one person, by the time they took: `spans` are those of `reply_spans_s`."""

    person: int
    count: int
    median_s: int
    p90_s: int
    spans: list[int]


class PersonWords(_Part):
    person: int
    items: list[TellingWord]


class Season(_Part):
    first_day: date
    last_day: date
    items: list[TellingWord]


class OfPerson(_Part):
    """What is counted of one person's messages alone; seasons are those of the whole chat."""

    active_days: int
    busiest_day: DayCount
    longest_streak: Streak
    longest_silence: Silence | None
    top_words: list[WordCount]
    top_emoji: list[EmojiCount]
    seasons: list[Season]


class Pictures(_Part):
    """People are named by their place in `people`. Where there are more, they are one more row in
    `counts` and `by_weekday_hour`. In `answers` rows answer columns."""

    statistics: ChatStatistics
    people: list[str]
    others: int
    step: Bucket
    buckets: list[BucketCounts]
    by_weekday_hour: list[list[list[int]]]
    reply_spans_s: list[int]
    replies: list[Replies]
    starts: list[int]
    starts_of_others: int
    answers: list[list[int]]
    words: list[PersonWords]
    seasons: list[Season]
    by_person: list[OfPerson]


def draw(messages: Sequence[Message], first_day: date | None, last_day: date | None) -> Pictures:
    """The pictures of the messages from one day to another, both included, by wall time.

    Raises EmptyPeriod.
    """
    chosen = [m for m in messages if _is_within(m.at.date(), first_day, last_day)]
    if not chosen:
        raise EmptyPeriod
    statistics = compute_statistics(chosen)
    people = [one.author for one in statistics.authors[:PEOPLE_MAX]]
    places = {name: place for place, name in enumerate(people)}
    rest = len(people)
    authors = [places.get(message.author, rest) for message in chosen]
    others = statistics.participants - rest
    rows = rest + (others > 0)
    step, buckets = _buckets(chosen, authors, rows=rows)
    times, answers = _answers(chosen, authors, rest)
    starts = {one.author: one.conversations_started for one in statistics.authors}
    said = _by_author(chosen, authors, rows=rows)
    halves = _halves(chosen)
    words = [[count_words(m.text for m in part) for part in halves.split(own)] for own in said]
    telling = telling_apart([merged(own) for own in words])
    return Pictures(
        statistics=statistics,
        people=people,
        others=others,
        step=step,
        buckets=buckets,
        by_weekday_hour=[read_calendar(own).by_weekday_hour for own in said],
        reply_spans_s=list(SPANS_S),
        replies=[
            _replies(person, sorted(times[person])) for person in range(rest) if times[person]
        ],
        starts=[starts[name] for name in people],
        starts_of_others=statistics.total.conversations_started - sum(starts[n] for n in people),
        answers=answers,
        words=[PersonWords(person=person, items=telling[person]) for person in range(rest)],
        seasons=halves.seasons([merged(own) for own in zip(*words, strict=True)]),
        by_person=[_of_person(said[n], words[n], halves) for n in range(rest)],
    )


def _is_within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or day >= first) and (last is None or day <= last)


def _buckets(
    messages: Sequence[Message], authors: Sequence[int], *, rows: int
) -> tuple[Bucket, list[BucketCounts]]:
    """Counts by the shortest step of which there are not too many."""
    counts = Counter(zip([message.at.date() for message in messages], authors, strict=True))
    for step in Bucket:
        steps: defaultdict[date, list[int]] = defaultdict(lambda: [0] * rows)
        for (day, author), count in counts.items():
            steps[_start(day, step)][author] += count
        if len(steps) <= BUCKETS_MAX or step is Bucket.YEAR:
            return step, [BucketCounts(day=day, counts=steps[day]) for day in sorted(steps)]
    raise AssertionError("years are the last step")


def _start(day: date, step: Bucket) -> date:
    match step:
        case Bucket.DAY:
            return day
        case Bucket.WEEK:
            return day - timedelta(min(day.weekday(), day.toordinal() - 1))
        case Bucket.MONTH:
            return day.replace(day=1)
        case Bucket.YEAR:
            return day.replace(month=1, day=1)


def _by_author(
    messages: Sequence[Message], authors: Sequence[int], *, rows: int
) -> list[list[Message]]:
    said: list[list[Message]] = [[] for _ in range(rows)]
    for message, author in zip(messages, authors, strict=True):
        said[author].append(message)
    return said


def _answers(
    messages: Sequence[Message], authors: Sequence[int], rest: int
) -> tuple[dict[int, list[int]], list[list[int]]]:
    """Reply times by person, and who of them answered whom how often. People beyond the shown
    ones answer and are answered too, but are not told apart."""
    times: defaultdict[int, list[int]] = defaultdict(list)
    answers = [[0] * rest for _ in range(rest)]
    seconds = [int(message.at.timestamp()) for message in messages]
    for n, (before, now) in enumerate(pairwise(messages)):
        took_s = seconds[n + 1] - seconds[n]
        if before.author == now.author or took_s >= CONVERSATION_SILENCE_S:
            continue
        answerer, asker = authors[n + 1], authors[n]
        times[answerer].append(max(0, took_s))
        if answerer < rest and asker < rest:
            answers[answerer][asker] += 1
    return times, answers


def _replies(person: int, ascending: list[int]) -> Replies:
    spans = [0] * len(SPANS_S)
    for took_s in ascending:
        spans[next(n for n, span_s in enumerate(SPANS_S) if took_s <= span_s)] += 1
    return Replies(
        person=person,
        count=len(ascending),
        median_s=quantile(ascending, 0.5) or 0,
        p90_s=quantile(ascending, 0.9) or 0,
        spans=spans,
    )


@dataclass(frozen=True, slots=True)
class _Halves:
    """The earlier and the later half of a time, by their days; none if one has no message."""

    middle: date
    periods: list[tuple[date, date]]

    def split(self, messages: Sequence[Message]) -> list[list[Message]]:
        """Those of the earlier and those of the later half."""
        return [
            [message for message in messages if message.at.date() <= self.middle],
            [message for message in messages if message.at.date() > self.middle],
        ]

    def seasons(self, words: Sequence[Counter[str]]) -> list[Season]:
        """The halves, each with the words that tell it from the other."""
        return [
            Season(first_day=first, last_day=last, items=items)
            for (first, last), items in zip(self.periods, telling_apart(words), strict=False)
        ]


def _halves(messages: Sequence[Message]) -> _Halves:
    days = sorted({message.at.date() for message in messages})
    middle = days[0] + (days[-1] - days[0]) / 2
    later = [day for day in days if day > middle]
    periods = [(days[0], days[-len(later) - 1]), (later[0], later[-1])] if later else []
    return _Halves(middle, periods)


def _of_person(
    messages: Sequence[Message], words: Sequence[Counter[str]], halves: _Halves
) -> OfPerson:
    calendar = read_calendar(messages)
    emoji: Counter[str] = Counter()
    for batch in batches(message.text for message in messages):
        emoji.update(find_emoji(batch))
    return OfPerson(
        active_days=len(calendar.days),
        busiest_day=calendar.busiest_day(),
        longest_streak=calendar.longest_streak(),
        longest_silence=longest_silence(messages),
        top_words=top_words(merged(words)),
        top_emoji=top_emoji(emoji),
        seasons=halves.seasons(words),
    )
