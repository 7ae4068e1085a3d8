"""Which date a written date means, decided over a whole export and never line by line."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby, pairwise

from app.chats.formats.whatsapp.calendars import month_numbers, to_date
from app.chats.transcript import AmbiguousDates, DateOrder, OrderConfidence

# WhatsApp started in 2009: a two-digit year before that is a day or a month misread.
_SHORT_YEAR_MIN = 2009

# Late deliveries and pasted lines run backwards under the right reading too, but seldom.
_CLEARLY_FEWER = 10

# Where dots or dashes stand between the numbers, no locale puts the month first.
_DAY_FIRST_SEPARATORS = re.compile(r"\d[.\-]")


@dataclass(frozen=True, slots=True)
class DateReading:
    """`days` maps every written date to its day, or to None where no such day exists."""

    order: DateOrder
    confidence: OrderConfidence
    days: Mapping[str, date | None]


@dataclass(frozen=True, slots=True)
class _Written:
    """The three parts of a date: numbers, or one name of a month among them."""

    parts: tuple[str, str, str]
    eras: tuple[str, str, str]

    def day(self, order: DateOrder, months: Mapping[str, int]) -> date | None:
        first, second, third = range(3)
        match order:
            case DateOrder.DMY:
                day, month, year = first, second, third
            case DateOrder.MDY:
                month, day, year = first, second, third
            case DateOrder.YMD:
                year, month, day = first, second, third
        numbers = self.parts
        if not numbers[day].isdigit() or not numbers[year].isdigit():
            return None
        named = numbers[month]
        of_year = int(named) if named.isdigit() else months.get(named, 0)
        return to_date(int(numbers[year]), of_year, int(numbers[day]), era=self.eras[year])

    def year_digits(self, order: DateOrder) -> int:
        return len(self.parts[0] if order is DateOrder.YMD else self.parts[2])


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

    def is_clearly_shorter_than(self, other: "_Candidate") -> bool:
        """Its days are so much nearer to one another that the other's would be far between."""
        return other.impossible != frozenset() or self.span_days * _CLEARLY_FEWER < other.span_days

    @property
    def span_days(self) -> int:
        known = [day for day in self.days.values() if day is not None]
        return (max(known) - min(known)).days if known else 0

    def without(self, hopeless: frozenset[str]) -> "_Candidate":
        """The same, not blamed for dates that no reading can save."""
        return replace(self, impossible=self.impossible - hopeless)


# A number with the letter of a Japanese era before it, or the name of a month.
_PART = re.compile(
    r"(?:(?P<era>令和|平成|民國|民国|[RH](?=\d))\s?)?(?P<number>\d+)|(?P<word>[^\W\d_][^\d\s,/\-]+)"
)
_YEAR_WORDS = re.compile("[年년]")


def read_dates(
    written: Sequence[str],
    *,
    declared: DateOrder | None,
    today: date,
    line_of: Callable[[int], str],
    is_year_first: bool = False,
) -> DateReading:
    """The reading of `written`, dates in file order, that the file itself supports.

    A value above 12 decides; then that no message is of a day after `today`, and that time does
    not run backwards; then dots and dashes, which mean the day first; then `declared`. Years of
    two digits stand first if the export's language, `is_year_first`, writes them so. Raises
    AmbiguousDates, with lines from `line_of`, when it stays open.
    """
    runs = [day for day, _ in groupby(written)]
    parted = {day: _parted(day) for day in dict.fromkeys(runs)}
    months = month_numbers(
        {word for each in parted.values() for word in each.parts if _is_name(word)}
    )
    if parted and all(_is_year_first(day, each) for day, each in parted.items()):
        days = {day: each.day(DateOrder.YMD, months) for day, each in parted.items()}
        return DateReading(DateOrder.YMD, "certain", days)
    weighed = [_weigh(order, parted, months, runs, today) for order in DateOrder]
    *usual, year_first = weighed
    if is_year_first and year_first.is_flawless:
        return DateReading(DateOrder.YMD, "certain", year_first.days)
    hopeless = usual[0].impossible & usual[1].impossible
    # Two-digit years stand first in so few places that it takes evidence or the caller's word.
    is_shorter = year_first.is_flawless and all(map(year_first.is_clearly_shorter_than, usual))
    if declared is DateOrder.YMD or is_shorter or (hopeless and year_first.is_flawless):
        candidates = weighed
    else:
        candidates = [candidate.without(hopeless) for candidate in usual]
    decided = _decide(candidates, declared, is_day_first=_is_day_first(runs) and not is_shorter)
    if decided is None:
        raise _ambiguous(candidates, written, line_of)
    return decided


def _is_year_first(written: str, parted: _Written) -> bool:
    year = parted.parts[0]
    is_told = len(year) == 4 or parted.eras[0] or _YEAR_WORDS.search(written)
    return year.isdigit() and bool(is_told)


def _is_name(part: str) -> bool:
    return not part.isdigit()


def _parted(written: str) -> _Written:
    found = list(_PART.finditer(written))
    # "de", "г." and the era behind a date are no parts of it.
    kept = [each for each in found if each["number"] or len(found) == 3 or not _is_small(each)]
    kept = kept[:3] if len(kept) >= 3 else [*kept, *[kept[-1]] * (3 - len(kept))]
    parts = tuple((each["number"] or each["word"]) for each in kept)
    eras = tuple((each["era"] or "") for each in kept)
    return _Written((parts[0], parts[1], parts[2]), (eras[0], eras[1], eras[2]))


_SMALL_WORDS = re.compile(
    r"(?i:del?|[гр]\.?|г\.в\.|be|b\.e\.|ah|ap|ce|ad)|พ\.ศ\.|هـ|ه‍?\.ش\.?|西元|公元"
)


def _is_small(found: re.Match[str]) -> bool:
    return _SMALL_WORDS.fullmatch(found["word"] or "") is not None


def _is_day_first(runs: Sequence[str]) -> bool:
    return all(_DAY_FIRST_SEPARATORS.search(day) and "/" not in day for day in runs)


def _decide(
    candidates: Sequence[_Candidate], declared: DateOrder | None, *, is_day_first: bool
) -> DateReading | None:
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
    for candidate in open_readings:
        if is_day_first and candidate.order is DateOrder.DMY:
            return DateReading(candidate.order, "by_separator", candidate.days)
    return None


def _clear_winner(open_readings: Sequence[_Candidate]) -> _Candidate | None:
    best, second = sorted(open_readings, key=lambda c: c.flaws)[:2]
    return best if best.flaws * _CLEARLY_FEWER < second.flaws else None


def _agree(possible: Sequence[_Candidate]) -> bool:
    """Every reading means the same days: 5/5, 6/6."""
    return bool(possible) and all(c.days == possible[0].days for c in possible)


def _weigh(
    order: DateOrder,
    parted: Mapping[str, _Written],
    months: Mapping[str, int],
    runs: Sequence[str],
    today: date,
) -> _Candidate:
    days = {written: each.day(order, months) for written, each in parted.items()}
    impossible = frozenset(
        written
        for written, day in days.items()
        if day is None or day > today or _is_before_whatsapp(parted[written], order, day)
    )
    known = [day for day in (days[written] for written in runs) if day is not None]
    backwards = sum(later < earlier for earlier, later in pairwise(known))
    return _Candidate(order, days, impossible, backwards)


def _is_before_whatsapp(written: _Written, order: DateOrder, day: date) -> bool:
    return written.year_digits(order) < 4 and not written.eras[2] and day.year < _SHORT_YEAR_MIN


def _ambiguous(
    candidates: Sequence[_Candidate], written: Sequence[str], line_of: Callable[[int], str]
) -> AmbiguousDates:
    meaning = [c for c in candidates if any(c.days.values())] or candidates
    open_readings = [c for c in meaning if not c.impossible] or meaning
    # The line on which the readings differ most plainly is the first on which they differ.
    differing = (
        index
        for index, day in enumerate(written)
        if len({candidate.days[day] for candidate in open_readings}) > 1
    )
    shown = next(differing, 0)
    return AmbiguousDates(
        readings=[_as_fact(c, written[shown], line_of(shown)) for c in open_readings]
    )


def _as_fact(candidate: _Candidate, written: str, line: str) -> dict[str, str | None]:
    known = [day for day in candidate.days.values() if day is not None]
    meant = candidate.days[written]
    return {
        "date_order": candidate.order.value,
        "first_at": known[0].isoformat() if known else None,
        "last_at": known[-1].isoformat() if known else None,
        "line": line,
        "line_at": meant.isoformat() if meant else None,
    }
