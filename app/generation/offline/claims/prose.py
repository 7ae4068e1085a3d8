"""Numbers, dates, names and lists as English words."""

from collections.abc import Sequence
from datetime import date

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """ "1 message", "1,204 messages", "no messages"."""
    if not count:
        return f"no {plural or noun + 's'}"
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def times(count: int) -> str:
    """ "once", "twice", "14 times"."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count:,} times")


def spelt(count: int) -> str:
    """Small numbers in words, as at the beginning of a sentence."""
    return _SMALL[count] if count < len(_SMALL) else f"{count:,}"


def capital(text: str) -> str:
    """`text` beginning with a capital letter."""
    return text[:1].upper() + text[1:]


def share(part: float, whole: float) -> str:
    """ "68%"; "<1%" and ">99%" rather than a rounded none or all; "0%" of nothing."""
    percent = round(100 * part / whole) if whole else 0
    if part and not percent:
        return "<1%"
    return ">99%" if percent == 100 and part < whole else f"{percent}%"


def lasting(seconds: float) -> str:
    """ "40 seconds", "3 minutes", "2.5 hours", "4 days"."""
    if seconds < 1:
        return "less than a second"
    if seconds < _MINUTE_S:
        return counted(round(seconds), "second")
    if seconds < 1.5 * _HOUR_S:
        return counted(round(seconds / _MINUTE_S), "minute")
    if seconds < 2 * _DAY_S:
        return _decimal(seconds / _HOUR_S, "hour")
    return _decimal(seconds / _DAY_S, "day")


def _decimal(value: float, noun: str) -> str:
    short = f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:,.0f}"
    return f"{short} {noun if short == '1' else noun + 's'}"


def minutes(seconds: float | None) -> float | None:
    """Seconds as minutes to a tenth, for metrics."""
    return None if seconds is None else round(seconds / _MINUTE_S, 1)


def on_day(iso: str) -> str:
    """ "12 May 2024"."""
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


def listed(words: Sequence[str], *, last: str = "and") -> str:
    """ "Ana, Ben and Cem"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def quoted(word: str) -> str:
    """The word in quotation marks."""
    return f"“{word}”"


def per_hundred(part: int, whole: int) -> float:
    """How many in a hundred, to a tenth; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0
