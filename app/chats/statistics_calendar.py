"""When a chat was written: hours, days, months, streaks and silences."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from app.chats.message import Message


class MonthCount(BaseModel):
    model_config = ConfigDict(frozen=True)

    month: str
    messages: int


class DayCount(BaseModel):
    model_config = ConfigDict(frozen=True)

    day: date
    messages: int


class Streak(BaseModel):
    """Consecutive days with at least one message each."""

    model_config = ConfigDict(frozen=True)

    first_day: date
    last_day: date
    days: int


class Silence(BaseModel):
    """The time between two messages that follow one another in time."""

    model_config = ConfigDict(frozen=True)

    from_at: datetime
    to_at: datetime
    seconds: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """`days` counts messages by proleptic ordinal, in ascending order."""

    days: dict[int, int]
    by_weekday_hour: list[list[int]]

    def by_month(self) -> list[MonthCount]:
        """Messages by month, in time order."""
        months: Counter[str] = Counter()
        for ordinal, count in self.days.items():
            months[f"{date.fromordinal(ordinal):%Y-%m}"] += count
        return [MonthCount(month=month, messages=count) for month, count in months.items()]

    def busiest_day(self) -> DayCount:
        """The day with most messages, the first of equals."""
        ordinal = max(self.days, key=lambda day: (self.days[day], -day))
        return DayCount(day=date.fromordinal(ordinal), messages=self.days[ordinal])

    def longest_streak(self) -> Streak:
        """The longest run of days, the first of equals."""
        days = list(self.days)
        best = (1, -days[0])
        begin = days[0]
        for before, day in pairwise(days):
            if day != before + 1:
                begin = day
            best = max(best, (day - begin + 1, -begin))
        length, first = best[0], -best[1]
        return Streak(
            first_day=date.fromordinal(first),
            last_day=date.fromordinal(first + length - 1),
            days=length,
        )


def read_calendar(messages: Sequence[Message]) -> Calendar:
    """The calendar of wall times: what people call Monday at nine."""
    by_hour = Counter([message.at.toordinal() * 24 + message.at.hour for message in messages])
    days: Counter[int] = Counter()
    by_weekday_hour = [[0] * 24 for _ in range(7)]
    for key, count in sorted(by_hour.items()):
        ordinal, hour = divmod(key, 24)
        days[ordinal] += count
        # Day 1 of the proleptic calendar was a Monday.
        by_weekday_hour[(ordinal - 1) % 7][hour] += count
    return Calendar(dict(days), by_weekday_hour)


def longest_silence(messages: Sequence[Message]) -> Silence | None:
    """The longest time without a message, the first of equals; None for a single message."""
    moments = sorted({message.at.timestamp(): message.at for message in messages}.items())
    if len(moments) < 2:
        return None
    earlier, later = max(pairwise(moments), key=lambda pair: pair[1][0] - pair[0][0])
    return Silence(from_at=earlier[1], to_at=later[1], seconds=int(later[0] - earlier[0]))
