"""Which date a written date means, decided over a whole export and never line by line."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby, pairwise

from app.chats.transcript import AmbiguousDates, DateOrder, OrderConfidence

YEAR_MIN, YEAR_MAX = 1990, 2099

# WhatsApp started in 2009: a two-digit year before that is a day or a month misread.
_SHORT_YEAR_MIN = 2009
# 52 in two digits is 2552 of the Buddhist calendar, the year 2009; nobody exports from 2052 yet.
_BUDDHIST_SHORT_MIN = 52
_BUDDHIST_OFFSET = 543
_BUDDHIST_YEARS = range(YEAR_MIN + _BUDDHIST_OFFSET, YEAR_MAX + _BUDDHIST_OFFSET + 1)

# Late deliveries and pasted lines run backwards under the right reading too, but seldom.
_CLEARLY_FEWER = 10


@dataclass(frozen=True, slots=True)
class DateReading:
    """`days` maps every written date to its day, or to None where no such day exists."""

    order: DateOrder
    confidence: OrderConfidence
    days: Mapping[str, date | None]


@dataclass(frozen=True, slots=True)
class _Candidate:
    order: DateOrder
    days: Mapping[str, date | None]
    impossible: frozenset[str]
    backwards: int

    @property
    def is_flawless(self) -> bool:
        return not self.impossible and not self.backwards

    @property
    def flaws(self) -> int:
        return len(self.impossible) + self.backwards

    def without(self, hopeless: frozenset[str]) -> "_Candidate":
        """The same, not blamed for dates that no reading can save."""
        return replace(self, impossible=self.impossible - hopeless)


_DIGITS = re.compile(r"\d+")


def read_dates(written: Sequence[str], *, declared: DateOrder | None) -> DateReading:
    """The reading of `written`, dates in file order, that the file itself supports.

    A value above 12 decides; then that time does not run backwards; then `declared`.
    Raises AmbiguousDates when it stays open.
    """
    runs = [day for day, _ in groupby(written)]
    fields = {day: _DIGITS.findall(day) for day in dict.fromkeys(runs)}
    if all(len(parts[0]) == 4 for parts in fields.values()):
        return DateReading(DateOrder.YMD, "certain", _days(fields, DateOrder.YMD))
    weighed = [_weigh(order, fields, runs) for order in DateOrder]
    *usual, year_first = weighed
    hopeless = usual[0].impossible & usual[1].impossible
    # Two-digit years stand first in so few places that it takes evidence or the caller's word.
    if declared is DateOrder.YMD or (hopeless and year_first.is_flawless):
        return _decide(weighed, declared)
    return _decide([c.without(hopeless) for c in usual], declared)


def _decide(candidates: Sequence[_Candidate], declared: DateOrder | None) -> DateReading:
    possible = [c for c in candidates if not c.impossible]
    if len(possible) == 1 or _agree(possible):
        chosen = next((c for c in possible if c.order is declared), possible[0])
        return DateReading(chosen.order, "certain", chosen.days)
    open_readings = possible or candidates
    winner = _clear_winner(open_readings)
    if winner is not None:
        return DateReading(winner.order, "by_time_order", winner.days)
    for candidate in open_readings:
        if candidate.order is declared:
            return DateReading(candidate.order, "declared", candidate.days)
    raise AmbiguousDates(readings=[_as_fact(c) for c in open_readings])


def _clear_winner(open_readings: Sequence[_Candidate]) -> _Candidate | None:
    best, second = sorted(open_readings, key=lambda c: c.flaws)[:2]
    return best if best.flaws * _CLEARLY_FEWER < second.flaws else None


def _agree(possible: Sequence[_Candidate]) -> bool:
    """Every reading means the same days: 5/5, 6/6."""
    return bool(possible) and all(c.days == possible[0].days for c in possible)


def _weigh(order: DateOrder, fields: Mapping[str, list[str]], runs: Sequence[str]) -> _Candidate:
    days = _days(fields, order)
    impossible = frozenset(
        written
        for written, day in days.items()
        if day is None or _is_before_whatsapp(fields[written], order, day)
    )
    known = [day for day in (days[written] for written in runs) if day is not None]
    backwards = sum(later < earlier for earlier, later in pairwise(known))
    return _Candidate(order, days, impossible, backwards)


def _is_before_whatsapp(parts: Sequence[str], order: DateOrder, day: date) -> bool:
    year = parts[0] if order is DateOrder.YMD else parts[2]
    return len(year) < 4 and day.year < _SHORT_YEAR_MIN


def _days(fields: Mapping[str, list[str]], order: DateOrder) -> dict[str, date | None]:
    return {written: _day(parts, order) for written, parts in fields.items()}


def _day(parts: Iterable[str], order: DateOrder) -> date | None:
    first, second, third = (int(part) for part in parts)
    match order:
        case DateOrder.DMY:
            day, month, year = first, second, third
        case DateOrder.MDY:
            month, day, year = first, second, third
        case DateOrder.YMD:
            year, month, day = first, second, third
    year = _full_year(year)
    if not YEAR_MIN <= year <= YEAR_MAX:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _full_year(year: int) -> int:
    if year < _BUDDHIST_SHORT_MIN:
        return 2000 + year
    if year < 100:
        return 2500 + year - _BUDDHIST_OFFSET
    return year - _BUDDHIST_OFFSET if year in _BUDDHIST_YEARS else year


def _as_fact(candidate: _Candidate) -> dict[str, str | None]:
    known = [day for day in candidate.days.values() if day is not None]
    return {
        "date_order": candidate.order.value,
        "first_at": known[0].isoformat() if known else None,
        "last_at": known[-1].isoformat() if known else None,
    }
