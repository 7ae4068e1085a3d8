"""Years and months of other calendars than the Gregorian, and the names of months."""

import unicodedata
from collections import defaultdict
from collections.abc import Collection
from datetime import date, timedelta
from functools import cache

from app.chats.formats.tables import rows
from app.chats.formats.times import YEAR_MAX, YEAR_MIN, day_of

# 52 in two digits is 2552 of the Buddhist calendar, the year 2009; no export is from 2052 yet.
_BUDDHIST_SHORT_MIN = 52
_BUDDHIST_OFFSET = 543
_BUDDHIST_YEARS = range(YEAR_MIN + _BUDDHIST_OFFSET, YEAR_MAX + _BUDDHIST_OFFSET + 1)
_ERAS = {"r": 2018, "令和": 2018, "h": 1988, "平成": 1988, "民國": 1911, "民国": 1911}

# In a year of four digits these two cannot be mistaken: 1419 is 2040 and 1999.
_JALALI_YEARS = range(1378, 1420)
_JALALI_EPOCH = date(1999, 3, 21)  # 1 Farvardin 1378.
_JALALI_MONTHS = (31, 31, 31, 31, 31, 31, 30, 30, 30, 30, 30)

_HIJRI_YEARS = range(1420, 1500)
_HIJRI_EPOCH = date(1999, 4, 17)  # 1 Muharram 1420.
# Umm al-Qura, the calendar of phones, three hexadecimal digits a year (source: ICU 78): bit n
# is set where month n + 1 has 30 days.
_HIJRI_LONG_MONTHS = (
    "bd2bc4b89a9552d5adb6a6d4dc9d92aa69562ae56d36ab55aaa94d49d95d2ba5b55aad55a9a92e26e55d"
    "ada6d46a5b27a4d4ad56db5a754f49e92d26a563566b5baab92b2568ba9b55aada5b4da9b52a9a536276"
    "575af26d46a95552ad4bd9ba574b69b52a9552da5d4daad96b2e95e2ac9692eaad56ad65"
)


def to_date(year: int, month: int, day: int, *, era: str = "") -> date | None:
    """The Gregorian day; the calendar is told by the year. None if there is no such day."""
    if offset := _ERAS.get(era.casefold()):
        return day_of(year + offset, month, day)
    if year in _JALALI_YEARS:
        return _jalali(year, month, day)
    if year in _HIJRI_YEARS:
        return _hijri(year, month, day)
    if year < _BUDDHIST_SHORT_MIN:
        year += 2000
    elif year < 100:
        year += 2500 - _BUDDHIST_OFFSET
    elif year in _BUDDHIST_YEARS:
        year -= _BUDDHIST_OFFSET
    return day_of(year, month, day)


def _jalali(year: int, month: int, day: int) -> date | None:
    """Leap years by the rule of 33 years, which agrees with ICU from 1384 to 1438."""
    before = sum(365 + _is_jalali_leap(known) for known in range(_JALALI_YEARS.start, year))
    lengths = (*_JALALI_MONTHS, 29 + _is_jalali_leap(year))
    return _day_in(_JALALI_EPOCH + timedelta(before), lengths, month, day)


def _is_jalali_leap(year: int) -> bool:
    return (year * 8 + 29) % 33 < 8


def _hijri(year: int, month: int, day: int) -> date | None:
    before = sum(sum(_hijri_lengths(known)) for known in range(_HIJRI_YEARS.start, year))
    return _day_in(_HIJRI_EPOCH + timedelta(before), _hijri_lengths(year), month, day)


@cache
def _hijri_lengths(year: int) -> tuple[int, ...]:
    place = 3 * (year - _HIJRI_YEARS.start)
    bits = int(_HIJRI_LONG_MONTHS[place : place + 3], 16)
    return tuple(29 + (bits >> month & 1) for month in range(12))


def _day_in(new_year: date, lengths: tuple[int, ...], month: int, day: int) -> date | None:
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return None
    return new_year + timedelta(sum(lengths[: month - 1]) + day - 1)


# Full stops, the dot of the Turkish i, the nukta of Hindi, which few type.
_DOTS = dict.fromkeys(map(ord, ".॰\u0307\u093c"))


@cache
def _months() -> dict[str, dict[str, int]]:
    """Language -> name -> number."""
    names: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for language, number, name in rows("whatsapp/months.tsv"):
        names[language][spoken_month(name)] = int(number)
    return dict(names)


def spoken_month(word: str) -> str:
    """The name of a month as it is compared: without dots, and without the Hebrew "in"."""
    return unicodedata.normalize("NFD", word.casefold()).translate(_DOTS).removeprefix("ב")


def is_month(word: str) -> bool:
    """`word` is the name of a month in some language."""
    spoken = spoken_month(word)
    return any(spoken in names for names in _months().values())


def month_numbers(words: Collection[str]) -> dict[str, int]:
    """Which month each word names, in the languages that know them all; a word on which those
    differ is left out."""
    spoken = {word: spoken_month(word) for word in words}
    fitting = [
        names for names in _months().values() if all(name in names for name in spoken.values())
    ] or list(_months().values())
    found = {
        word: {names[name] for names in fitting if name in names} for word, name in spoken.items()
    }
    return {word: numbers.pop() for word, numbers in found.items() if len(numbers) == 1}
