"""Reads a claim back: its kind, and the names, numbers, days and times it states.

A form is a sentence with slots: `{who:name} opened {count:int} of {total:int} conversations`.
Square brackets hold what may be missing.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

Span = tuple[float, float]
Value = str | int | float | date | Span
Stated = Mapping[str, Value]

_NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
_WORDS = {word: value for value, word in enumerate(_NUMBERS)}
_WORDS |= {"none": 0, "never": 0, "once": 1, "twice": 2}
_SLOTS = {
    "name": r".{1,40}?",
    "int": r"[\d,]+(?: times)?|" + "|".join(_WORDS),
    "real": r"[\d,]*\d(?:\.\d+)?",
    "pct": r"[<>]?\d+%",
    "date": r"\d{1,2} [A-Z][a-z]+ \d{4}",
    "span": r"[\d,.]+ (?:second|minute|hour|day)s?",
    "time": r"\d\d:\d\d",
    "any": r".*?",
}
_UNIT_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_SLOT = re.compile(r"\{(\w+):(\w+)\}")


def compiled(form: str) -> re.Pattern[str]:
    """The expression that reads a form."""
    pattern, at = "", 0
    for slot in _SLOT.finditer(form):
        pattern += _literal(form[at : slot.start()]) + f"(?P<{slot[1]}_{slot[2]}>{_SLOTS[slot[2]]})"
        at = slot.end()
    return re.compile(pattern + _literal(form[at:]), re.IGNORECASE)


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\[", "(?:").replace(r"\]", ")?")


def stated(match: re.Match[str]) -> dict[str, Value]:
    """The values of the slots that are there."""
    values: dict[str, Value] = {}
    for key, text in match.groupdict().items():
        if text is not None:
            name, slot = key.rsplit("_", 1)
            values[name] = _READERS.get(slot, str)(text)
    return values


def _int(text: str) -> int:
    text = text.lower().removesuffix(" times")
    return _WORDS[text] if text in _WORDS else int(text.replace(",", ""))


def _date(text: str) -> date:
    return datetime.strptime(text, "%d %B %Y").date()  # noqa: DTZ007


def span_of(text: str) -> Span:
    """The seconds a time in words may stand for, by how it was rounded."""
    number, unit = text.split()
    unit_s = _UNIT_S[unit.rstrip("s")]
    value = float(number.replace(",", ""))
    slack = 0.06 if unit_s >= 3600 and value < 10 else 0.51
    return (value - slack) * unit_s, (value + slack) * unit_s


_READERS: Mapping[str, Callable[[str], Value]] = {
    "int": _int,
    "real": lambda text: float(text.replace(",", "")),
    "date": _date,
    "span": span_of,
}


def fits(span: object, seconds: float | None) -> bool:
    """Whether so many seconds may be told as `span`."""
    assert isinstance(span, tuple)
    return seconds is not None and span[0] <= seconds <= span[1]


def is_share(text: object, part: float, whole: float) -> bool:
    """Whether "68%", "<1%" or ">99%" is `part` of `whole`."""
    percent = 100 * part / whole if whole else 0.0
    told = str(text)
    if told[0] == "<":
        return 0 < percent < 1
    if told[0] == ">":
        return 99 < percent < 100
    return abs(float(told.rstrip("%")) - percent) <= 0.51
