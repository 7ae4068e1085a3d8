"""Times as exports write them, read fast: a file says the same days and times of day over and
over, and `datetime.replace` takes longer than all else that is done to a message."""

from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Any, Generic, TypeVar

YEAR_MIN, YEAR_MAX = 1990, 2100
"""No message was written outside of these."""

FIRST_S = int(datetime(YEAR_MIN, 1, 1, tzinfo=UTC).timestamp())
END_S = int(datetime(YEAR_MAX + 1, 1, 1, tzinfo=UTC).timestamp())
"""The seconds since 1970 at which a message can have been written begin and end with these."""
DAY_S = 86_400
SECONDS_DIGITS, STEP_DIGITS = 10, 4
_STEPS = 10**STEP_DIGITS
_EPOCH = date(1970, 1, 1).toordinal()
_NO_SEPARATORS = str.maketrans("", "", ",'’_ \u00a0\u202f")
# Of milliseconds and microseconds: no number is a time in two units.
_UNITS = (1e-3, 1e-6)
# Of "2024-02-13T10:15:07.123+01:00".
_DAY_CHARS, _SECONDS_END, _OFFSET_CHARS = 10, 19, 6

Written = TypeVar("Written", bound=Hashable)
Meant = TypeVar("Meant")


class Remembered(dict[Written, Meant], Generic[Written, Meant]):
    """What `read` makes of each thing that is written, read once."""

    def __init__(self, read: Callable[[Written], Meant]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, written: Written) -> Meant:
        meant = self[written] = self._read(written)
        return meant


class Instants:
    """Times by seconds since 1970, for hot loops: `days[seconds // DAY_S] + steps[seconds %
    DAY_S]` takes a third of what `datetime.fromtimestamp` does. Only from FIRST_S to END_S."""

    def __init__(self, tz: tzinfo) -> None:
        self.tz = tz
        self.days = Remembered(partial(_begin_of, tz))
        self.steps = Remembered(_step)

    def milliseconds(self, written: Any) -> datetime:
        """The time that `from_milliseconds` reads."""
        if written.__class__ is int and FIRST_S <= (seconds := written // 1000) < END_S:
            return self.days[seconds // DAY_S] + self.steps[seconds % DAY_S]
        return from_milliseconds(written, self.tz)


class WrittenInstants:
    """Times by seconds since 1970 as they are written, for hot loops: `begins[all but STEP_DIGITS]
    + steps[the last STEP_DIGITS]` neither reads a number nor divides one. Only for those of
    SECONDS_DIGITS; a ValueError where no message was written then."""

    def __init__(self, tz: tzinfo) -> None:
        self.begins = Remembered(partial(_begin_of_written, tz))
        self.steps = Remembered(_step_of_written)


class _ChangingTime:
    """A time before the clocks change: what is added to its begin cannot be added to a wall."""

    def __init__(self, tz: tzinfo, begin_s: int) -> None:
        self._tz, self._begin_s = tz, begin_s

    def __add__(self, step: timedelta) -> datetime:
        return datetime.fromtimestamp(self._begin_s + step.seconds, self._tz)


def _begin_of(tz: tzinfo, day: int) -> datetime | _ChangingTime:
    """When a day since 1970 begins in Greenwich."""
    return begin_at(tz, day * DAY_S)


def begin_at(tz: tzinfo, begin_s: int, length_s: int = DAY_S) -> datetime | _ChangingTime:
    """A time, to which less than `length_s` may be added."""
    begin, end = (datetime.fromtimestamp(begin_s + s, tz) for s in (0, length_s))
    is_even = begin.utcoffset() == end.utcoffset() and not begin.fold and not end.fold
    return begin if is_even else _ChangingTime(tz, begin_s)


def _begin_of_written(tz: tzinfo, digits: str) -> datetime | _ChangingTime:
    begin_s = int(digits) * _STEPS
    if not (digits.isdecimal() and FIRST_S <= begin_s < END_S):
        raise ValueError("no time at which a message was written")
    return begin_at(tz, begin_s, _STEPS)


def _step_of_written(digits: str) -> timedelta:
    if not (digits.isdecimal() and len(digits) == STEP_DIGITS):
        raise ValueError("no seconds")
    return timedelta(seconds=int(digits))


def _step(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)


def _begin_of_day(instants: Instants, written: str) -> datetime | _ChangingTime:
    """When a day of Greenwich begins, `2024-02-13`. Raises ValueError."""
    if (day := _iso_day(written)) is None:
        raise ValueError("no day on which a message was written")
    return instants.days[day.toordinal() - _EPOCH]


def _step_of_clock(written: str) -> timedelta:
    """`10:15:07`. Raises ValueError."""
    at = time.fromisoformat(written)
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


class WallTimes:
    """The times that a day and a time of day make in `tz`, both as they are written:
    `begins[day] + steps[clock]`, a TypeError where there is no such time, or no message was
    written then."""

    def __init__(
        self,
        tz: tzinfo,
        day: Callable[[str], date | None],
        clock: Callable[[str], timedelta | None],
    ) -> None:
        self.begins = Remembered[str, Any](lambda written: midnight(day(written), tz))
        self.steps = Remembered[str, Any](clock)


class IsoTimes:
    """Times in ISO 8601; those that name no zone are of `tz`."""

    def __init__(self, tz: tzinfo) -> None:
        instants = Instants(tz)
        # Of a time of Greenwich, for hot loops: `begins[its day] + steps[its time of day]`.
        self.begins = Remembered(partial(_begin_of_day, instants))
        self.steps = Remembered(_step_of_clock)
        self._tz = tz
        walls = WallTimes(tz, _iso_day, iso_clock)
        self._begins, self._clocks = walls.begins, walls.steps

    def wall(self, written: str) -> datetime | None:
        """A wall time, without its fraction of a second; None if it is none, or no message was
        written then."""
        if len(written) > _SECONDS_END and written[_SECONDS_END + 1 :].isdigit():
            written = written[:_SECONDS_END] if written[_SECONDS_END] == "." else written
        try:
            return self._begins[written[:_DAY_CHARS]] + self._clocks[written[_DAY_CHARS:]]
        except TypeError:  # One of them is None.
            return None

    def read(self, written: str) -> tuple[datetime, bool]:
        """A time in `tz`, and whether it names its zone. Raises ValueError."""
        is_of_greenwich = self._tz is UTC and written[-6:] == "+00:00"
        if is_of_greenwich or len(written) <= _SECONDS_END:
            try:
                day, clock = written[:_DAY_CHARS], written[_DAY_CHARS:_SECONDS_END]
                return self._begins[day] + self._clocks[clock], is_of_greenwich
            except TypeError:  # As above.
                pass
        fraction, offset = written[_SECONDS_END:-_OFFSET_CHARS], written[-_OFFSET_CHARS:]
        if (
            offset[:1] in ("+", "-")
            and offset[3] == ":"
            and (not fraction or fraction[1:].isdigit())
        ):
            written = written[:_SECONDS_END] + offset
        at = datetime.fromisoformat(written)
        if at.tzinfo is None:
            if (wall := self.wall(at.isoformat(" ", "seconds"))) is None:
                raise ValueError("no time at which a message was written")
            return wall, False
        if at.tzinfo is self._tz and not at.microsecond and YEAR_MIN <= at.year <= YEAR_MAX:
            return at, True
        return from_seconds(at.timestamp() // 1, self._tz), True


def from_seconds(seconds: float, tz: tzinfo) -> datetime:
    """The time of so many seconds since 1970; of another unit, where that alone makes a time at
    which a message can have been written. Raises ValueError where none was, and TypeError for
    what is no number."""
    if not FIRST_S <= seconds < END_S:
        seconds = _in_seconds(seconds)
    return datetime.fromtimestamp(seconds, tz)


def from_milliseconds(written: Any, tz: tzinfo) -> datetime:
    """The same of milliseconds, without their fraction; a number may be written as a text."""
    number = written if written.__class__ is int else number_of(written)
    seconds = number // 1000
    return from_seconds(seconds if FIRST_S <= seconds < END_S else number, tz)


def number_of(written: Any) -> float:
    """A number, be it written as a text, with separators of thousands. Raises ValueError or
    TypeError."""
    if isinstance(written, bool) or not isinstance(written, (int, float, str)):
        raise TypeError("no number")
    return float(written.translate(_NO_SEPARATORS)) if isinstance(written, str) else written


def _in_seconds(number: float) -> float:
    for unit in _UNITS:
        if FIRST_S <= number * unit < END_S:
            return number * unit // 1
    raise ValueError("no time at which a message was written")


def day_of(year: int, month: int, day: int) -> date | None:
    """None where there is no such day, or no message was written on it."""
    if not YEAR_MIN <= year <= YEAR_MAX:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def clock_of(hour: int, minute: int, second: int) -> timedelta | None:
    """From midnight to a time of day; None where there is none such."""
    is_clock = 0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60
    return timedelta(hours=hour, minutes=minute, seconds=second) if is_clock else None


def iso_clock(written: str) -> timedelta | None:
    """`T10:15`, ` 10:15:07` or `, 10:15`."""
    try:
        step = _step_of_clock(written.lstrip(", T"))
    except ValueError:
        return None
    return step if written[0] in ", T" else None


def midnight(day: date | None, tz: tzinfo) -> datetime | None:
    """When a day begins; `datetime.combine` takes three times as long as to add to that."""
    return day and datetime.combine(day, time(tzinfo=tz))


def _iso_day(written: str) -> date | None:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None
    return day if YEAR_MIN <= day.year <= YEAR_MAX else None
