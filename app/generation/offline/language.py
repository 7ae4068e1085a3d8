"""Sentences in the language of a chat: gettext's catalogs, plurals and formats of the CLDR."""

from datetime import date, time, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from babel import Locale
from babel.dates import (
    format_date,
    format_interval,
    format_skeleton,
    format_time,
    get_day_names,
)
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

SOURCE = "en"
"""The language of the messages in the code."""
_LOCALES = {"en": "en_GB"}
"""Where a language is written in several ways: 12 May 2024, 18:00."""
CATALOGS = ("de", "es", "fr", "it", "pt")
FOLDER = Path(__file__).with_name("locale")
_TAGS = ("zero", "one", "two", "few", "many", "other")
_FORMATS_KEPT = 2000
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


class Share(NamedTuple):
    """A part of a whole, told in per cent."""

    part: float
    whole: float


class Weekday(NamedTuple):
    """0 is Monday."""

    number: int


class Period(NamedTuple):
    """A part of the calendar by its first day: a year, quarter, month, week or day."""

    first: date
    grain: str


class Language:
    """Says messages in one language; values are shown by their types."""

    def __init__(self, tag: str) -> None:
        self.tag = tag if tag in CATALOGS else SOURCE
        self._catalog = _catalog(self.tag)
        self._locale = _LOCALES.get(self.tag, self.tag)

    def say(self, message: str, /, **values: object) -> str:
        """The message in this language, with `values` in its places."""
        return self._filled(self._catalog.get(message, (message,))[0], values)

    def plural(self, one: str, many: str, /, *, n: int, **values: object) -> str:
        """The form for `n`, which stands for {n} in it."""
        forms = self._catalog.get(one, (one, many))
        return self._filled(forms[plural_index(self.tag, n)], {"n": n, **values})

    def shown(self, value: object) -> str:
        """A number, day, hour, span, share or period in words of this language."""
        return _shown(self._locale, value)

    def _filled(self, message: str, values: dict[str, object]) -> str:
        return message.format(**{name: self.shown(value) for name, value in values.items()})


def plural_tags(tag: str) -> list[str]:
    """The plural categories of a language, in the order of its catalog's forms."""
    rule = Locale.parse(tag).plural_form
    return [each for each in _TAGS if each in rule.tags or each == "other"]


@lru_cache(_FORMATS_KEPT)
def plural_index(tag: str, n: int) -> int:
    """Which of the forms of a plural is said of `n`."""
    return plural_tags(tag).index(Locale.parse(tag).plural_form(n))


@cache
def _catalog(tag: str) -> dict[str, tuple[str, ...]]:
    """The translations of a language by the message in the code; none for its own language."""
    if tag == SOURCE:
        return {}
    with (FOLDER / f"{tag}.po").open("rb") as file:
        read = read_po(file, locale=tag)
    found: dict[str, tuple[str, ...]] = {}
    for message in read:
        key, told = message.id, message.string
        if key and told:
            name = key if isinstance(key, str) else key[0]
            found[name] = (told,) if isinstance(told, str) else tuple(told)
    return found


@lru_cache(_FORMATS_KEPT)
def _shown(tag: str, value: Any) -> str:
    match value:
        case str():
            return value
        case Share(part, whole):
            return _share(tag, part / whole if whole else 0.0)
        case Weekday(number):
            return get_day_names("wide", locale=tag)[number]
        case Period(first, grain):
            return _period(tag, first, grain)
        case int():
            return format_decimal(value, locale=tag)
        case float():
            return format_decimal(value, format="#,##0.#", locale=tag)
        case date():
            return format_date(value, "long", locale=tag)
        case time():
            return format_time(value, "short", locale=tag)
        case timedelta():
            return _span(tag, value.total_seconds())
        case _:
            raise TypeError(f"nothing shows a {type(value).__name__}")


def _share(tag: str, share: float) -> str:
    """ "68%"; "<1%" and ">99%" rather than a rounded none or all."""
    if 0 < share < 0.01:
        return "<" + format_percent(0.01, locale=tag)
    if 0.99 < share < 1:
        return ">" + format_percent(0.99, locale=tag)
    return format_percent(share, locale=tag)


def _period(tag: str, first: date, grain: str) -> str:
    if grain == "month":
        return format_skeleton("yMMMM", first, locale=tag)
    if grain == "quarter":
        return format_date(first, "QQQ yyyy", locale=tag)
    if grain == "week":
        return format_interval(first, first + timedelta(days=6), "yMMMd", locale=tag)
    return str(first.year) if grain == "year" else format_date(first, "long", locale=tag)


def _span(tag: str, seconds: float) -> str:
    """ "40 seconds", "3 minutes", "2.5 hours", "6 days"."""
    if seconds < _MINUTE_S:
        return _unit(tag, max(1, round(seconds)), "second")
    if seconds < 1.5 * _HOUR_S:
        return _unit(tag, round(seconds / _MINUTE_S), "minute")
    if seconds < 2 * _DAY_S:
        return _unit(tag, _rounded(seconds / _HOUR_S), "hour")
    return _unit(tag, _rounded(seconds / _DAY_S), "day")


def _rounded(value: float) -> float:
    short = round(value, 1) if value < 10 else round(value)
    return int(short) if short == int(short) else short


def _unit(tag: str, value: float, unit: str) -> str:
    return format_unit(value, f"duration-{unit}", "long", locale=tag)
