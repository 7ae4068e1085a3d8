"""Who writes how much, and when."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date

from app.chats.message import MessageKind
from app.chats.statistics_words import LINK, WORD
from app.generation.offline.measures.sampling import spread_over
from app.generation.offline.measures.transcript import AnnotatedTranscript

WORK_HOURS = range(8, 18)
WORK_DAYS = range(1, 6)
SAMPLE_MAX = 6
_DAYS_A_WEEK = 7
_ASCII_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")  # As WORD, and faster.


@dataclass(frozen=True, slots=True)
class Person:
    """A participant; `early` and `late` count messages in the two halves of the chat.

    `outside` are messages outside Monday to Friday, 8 to 18 o'clock.
    """

    name: str
    messages: int
    early: int
    late: int
    words: int
    media: int
    outside: int
    outside_early: int
    weekend: int
    sample: tuple[int, ...]
    outside_sample: tuple[int, ...]
    media_sample: tuple[int, ...]
    first: int
    last: int
    last_on: str


@dataclass(frozen=True, slots=True)
class Activity:
    """The chat as a whole; dates are ISO, hours those of the chat's own clock."""

    first_on: str
    last_on: str
    middle_on: str
    days: int
    active_days: int
    early_a_week: float | None
    late_a_week: float | None
    busiest_on: str
    busiest_messages: int
    busiest_sample: tuple[int, ...]
    busiest_hour: int
    busiest_hour_share: float
    busiest_hour_sample: tuple[int, ...]
    busiest_weekday: int
    streak_days: int
    streak_from: str
    streak_to: str
    streak_sample: tuple[int, ...]


def measure_people(transcript: AnnotatedTranscript) -> tuple[Person, ...]:
    """The participants by falling number of messages."""
    own: list[list[int]] = [[] for _ in transcript.people]
    for position, who in enumerate(transcript.who):
        own[who].append(position)
    return tuple(
        _person(transcript, name, mine) for name, mine in zip(transcript.people, own, strict=True)
    )


def _person(transcript: AnnotatedTranscript, name: str, mine: list[int]) -> Person:
    outside = [at for at in mine if _is_outside(transcript, at)]
    media = [at for at in mine if transcript.messages[at].kind is MessageKind.MEDIA]
    early = sum(at < transcript.middle for at in mine)
    longest = sorted(mine, key=lambda at: -len(transcript.words[at]))[:SAMPLE_MAX]
    return Person(
        name=name,
        messages=len(mine),
        early=early,
        late=len(mine) - early,
        words=_count_words(transcript, mine),
        media=len(media),
        outside=len(outside),
        outside_early=sum(at < transcript.middle for at in outside),
        weekend=sum(_weekday(transcript, at) not in WORK_DAYS for at in mine),
        sample=tuple(sorted(map(transcript.number, longest))),
        outside_sample=tuple(map(transcript.number, spread_over(outside, SAMPLE_MAX))),
        media_sample=tuple(map(transcript.number, spread_over(media, SAMPLE_MAX))),
        first=transcript.number(mine[0]),
        last=transcript.number(mine[-1]),
        last_on=transcript.date(mine[-1]),
    )


def _count_words(transcript: AnnotatedTranscript, mine: list[int]) -> int:
    """As the statistics of the chat count them: "I'll" is one word, a link or a number none."""
    texts = [transcript.messages[at].text for at in mine]
    plain = " ".join([text for text in texts if text.isascii()])
    other = " ".join([text for text in texts if not text.isascii()])
    if "http" in plain or "www." in plain:
        plain = LINK.sub(" ", plain)
    if "http" in other or "www." in other:
        other = LINK.sub(" ", other)
    return len(_ASCII_WORD.findall(plain)) + len(WORD.findall(other))


def _weekday(transcript: AnnotatedTranscript, position: int) -> int:
    """1 is Monday; an ordinal of 1 was one."""
    return (transcript.day[position] - 1) % _DAYS_A_WEEK + 1


def _is_outside(transcript: AnnotatedTranscript, position: int) -> bool:
    return (
        transcript.hour[position] not in WORK_HOURS
        or _weekday(transcript, position) not in WORK_DAYS
    )


def measure_activity(transcript: AnnotatedTranscript) -> Activity:
    """When this chat is alive."""
    by_day = Counter(transcript.day)
    by_hour = Counter(transcript.hour)
    by_weekday = Counter(_weekday(transcript, at) for at in range(len(transcript.day)))
    busiest_day = min(by_day, key=lambda day: (-by_day[day], day))
    busiest_hour = min(by_hour, key=lambda hour: (-by_hour[hour], hour))
    first_of, last_of = _streak(transcript)
    middle = min(transcript.middle, len(transcript.day) - 1)
    return Activity(
        first_on=date.fromordinal(min(by_day)).isoformat(),
        last_on=date.fromordinal(max(by_day)).isoformat(),
        middle_on=transcript.date(middle),
        days=max(by_day) - min(by_day) + 1,
        active_days=len(by_day),
        early_a_week=_a_week(middle, days=transcript.day[middle] - transcript.day[0]),
        late_a_week=_a_week(
            len(transcript.day) - middle, days=transcript.day[-1] - transcript.day[middle] + 1
        ),
        busiest_on=date.fromordinal(busiest_day).isoformat(),
        busiest_messages=by_day[busiest_day],
        busiest_sample=_where(transcript, transcript.day, busiest_day),
        busiest_hour=busiest_hour,
        busiest_hour_share=by_hour[busiest_hour] / len(transcript.hour),
        busiest_hour_sample=_where(transcript, transcript.hour, busiest_hour),
        busiest_weekday=min(by_weekday, key=lambda day: (-by_weekday[day], day)),
        streak_days=last_of - first_of + 1,
        streak_from=date.fromordinal(first_of).isoformat(),
        streak_to=date.fromordinal(last_of).isoformat(),
        streak_sample=_streak_sample(transcript, first_of, last_of),
    )


def _where(transcript: AnnotatedTranscript, column: list[int], value: int) -> tuple[int, ...]:
    positions = [at for at, each in enumerate(column) if each == value]
    return tuple(map(transcript.number, spread_over(positions, SAMPLE_MAX)))


def _a_week(messages: int, *, days: int) -> float | None:
    """Messages a week; None below two weeks."""
    return round(messages / days * _DAYS_A_WEEK, 1) if days >= 2 * _DAYS_A_WEEK else None


def _streak(transcript: AnnotatedTranscript) -> tuple[int, int]:
    """First and last day of the longest run of days on which at least two people wrote."""
    writers: dict[int, set[int]] = {}
    for day, who in zip(transcript.day, transcript.who, strict=True):
        writers.setdefault(day, set()).add(who)
    shared = sorted(day for day, names in writers.items() if len(names) > 1)
    best = (transcript.day[0], transcript.day[0] - 1)
    start: int | None = None
    for place, day in enumerate(shared):
        if start is None or shared[place - 1] != day - 1:
            start = day
        if day - start > best[1] - best[0]:
            best = (start, day)
    return best


def _streak_sample(transcript: AnnotatedTranscript, first: int, last: int) -> tuple[int, ...]:
    positions = [at for at, day in enumerate(transcript.day) if first <= day <= last]
    return tuple(map(transcript.number, spread_over(positions, SAMPLE_MAX)))
