"""Which time of day a written time means, in the words of each language for parts of the day.

`day_periods.tsv` says at which hours a word is said. Its source is the CLDR, with the words of
its older releases and of WhatsApp itself added by hand.
"""

import re
from collections import defaultdict
from datetime import time, tzinfo

from app.chats.formats.tables import rows

SPACES = " \u00a0\u202f\u2009\u2007"
_SPACE = f"[{SPACES}]"

_LATIN = rf"[ap]\.?{_SPACE}?m\.?"
_NUMBERS = re.compile(r"\d+")
_MORNING, _AFTERNOON = frozenset(range(12)), frozenset(range(12, 24))


def _hours(ranges: str) -> frozenset[int]:
    hours: set[int] = set()
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        hours.update(range(int(first), int(last or first) + 1))
    return frozenset(hours)


def _spoken(word: str) -> str:
    for space in SPACES:
        word = word.replace(space, "")
    return word.rstrip(".").casefold()


def _load() -> tuple[dict[str, frozenset[int]], dict[str, list[str]], dict[str, list[str]]]:
    hours: defaultdict[str, frozenset[int]] = defaultdict(frozenset)
    of_language: defaultdict[str, list[str]] = defaultdict(list)
    languages: defaultdict[str, list[str]] = defaultdict(list)
    for language, word, ranges in rows("whatsapp/day_periods.tsv"):
        spoken = _spoken(word)
        hours[spoken] |= _hours(ranges)
        of_language[language.partition("-")[0]].append(word)
        languages[spoken].append(language.partition("-")[0])
    return dict(hours), dict(of_language), dict(languages)


_HOURS, _OF_LANGUAGE, _LANGUAGES = _load()


def _alternatives(words: list[str]) -> str:
    """An expression for any of `words`, the longest first; their full stop may be missing."""
    shapes = {
        re.escape(word.rstrip(".")).replace(r"\ ", _SPACE) + (r"\.?" if "." in word else "")
        for word in words
    }
    return "|".join([*sorted(shapes, key=lambda shape: (-len(shape), shape)), _LATIN])


def is_period(word: str) -> bool:
    """`word` says which half of the day a time is in."""
    return re.fullmatch(_LATIN, word, re.IGNORECASE) is not None or _spoken(word) in _HOURS


def periods_beside(word: str) -> str:
    """An expression for the words that may stand where `word` does: those of its languages."""
    languages = _LANGUAGES.get(_spoken(word), [])
    return "(?i:" + _alternatives([w for known in languages for w in _OF_LANGUAGE[known]]) + ")"


def read_clock(written: str, tz: tzinfo) -> time | None:
    """The time of day that `written` means, or None if there is no such time."""
    try:
        # Nearly every time is of this kind: "22:15" or "22:15:07".
        hour, minute, second = (*map(int, written.split(":")), 0)[:3]
        return time(hour, minute, second, 0, tz)
    except ValueError:
        return _read_spelled_clock(written, tz)


def _read_spelled_clock(written: str, tz: tzinfo) -> time | None:
    hour, minute, second = (*(int(n) for n in _NUMBERS.findall(written)), 0)[:3]
    if hour <= 12:
        hour = _hour_of_day(hour, re.sub(r"\d.*\d", "", written))
    try:
        return time(hour, minute, second, 0, tz)
    except ValueError:
        return None


def _hour_of_day(hour: int, word: str) -> int:
    """Of the two hours that a clock of twelve may mean, the one nearer to those of the word."""
    hours = _period_hours(word.strip(SPACES))
    if hours is None:
        return hour
    return min(
        (hour % 12, hour % 12 + 12),
        key=lambda meant: min(min((meant - at) % 24, (at - meant) % 24) for at in hours),
    )


def _period_hours(word: str) -> frozenset[int] | None:
    if re.fullmatch(_LATIN, word, re.IGNORECASE):
        return _MORNING if word[0] in "aA" else _AFTERNOON
    return _HOURS.get(_spoken(word))
