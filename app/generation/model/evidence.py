"""Whether the messages a claim cites carry its names, its numbers and its quotes.

It works on what the model saw: people are P1, P2, and secrets placeholders. What it cannot tell
is whether a paraphrase is fair; a wrong person, an invented number or quote it does see.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import cast

from app.catalog.content import Metric

NOUNS_SHARE_MAX = 0.2
"""Of words with a capital: where they are more, the language writes all nouns so."""
SLACK = 0.51
_QUOTE = re.compile(r"“([^“”]+)”|„([^„“”]+)[“”]|«([^«»]+)»|‘([^‘’]{2,})’(?!\w)|\"([^\"]+)\"")
_ALIAS = re.compile(r"(?<!\w)P\d+(?!\w)")
_PLACEHOLDER = re.compile(r"\[[A-Z_]+\d*\]")
_CITED = re.compile(r"#(\d+)")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d\d)-(\d\d)(?!\d)")
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})\.?(?: de)? ([^\W\d_]{3,})(?: de)? (\d{4})(?!\d)")
_MONTH_FIRST = re.compile(r"([^\W\d_]{3,}) (\d{1,2}), (\d{4})(?!\d)")
_MONTHS = (
    ("jan", "ene", "gen"),
    ("feb", "fev", "fév"),
    ("mar", "mär"),
    ("apr", "abr", "avr"),
    ("may", "mai", "mag"),
    ("jun", "giu", "juin"),
    ("jul", "lug", "juil"),
    ("aug", "ago", "aoû"),
    ("sep", "set"),
    ("oct", "okt", "out", "ott"),
    ("nov",),
    ("dec", "dez", "dic", "déc"),
)
"""How the names of the months begin, in English, German, Spanish, French, Portuguese, Italian."""
_CLOCK = re.compile(r"(?<![\w:])(\d{1,2}):(\d\d)(?!\w)")
_NUMBER = re.compile(r"(?<![\w#])\d+(?:[.,:]\d+)*(?!\w)")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE = re.compile(r"(?:^|[.!?:;\n]\s+|[“„«‘\"(])\s*[^\W\d_]+")
_SPACE = re.compile(r"\s+")
_COMMON = frozenset(
    {
        "i",
        "whatsapp",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    }
)
"""English alone writes months and days with a capital, of the languages that write few so."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the model saw it."""

    number: int
    at: datetime
    alias: str
    text: str

    @classmethod
    def of(cls, line: str) -> "Shown":
        """From its line: `#number day minute alias: text`."""
        number, day, minute, rest = line.split(" ", 3)
        alias, _, text = rest.partition(": ")
        at = datetime.fromisoformat(f"{day}T{minute}")
        return cls(int(number.removeprefix("#")), at, alias, text)


def carriers(claim: str, cited: Sequence[Shown], measured: Mapping[str, Metric]) -> list[int]:
    """The numbers of the cited messages that carry the claim; none if together they do not.

    Numbers may also be measured ones. A message is left out that carries neither a quote nor a
    number of the claim, nor a person that no other message does.
    """
    quotes = [_plain("".join(groups)) for groups in _QUOTE.findall(claim)]
    quotes = [quote for quote in quotes if quote]
    rest = _PLACEHOLDER.sub(" ", _QUOTE.sub(" ", claim))
    people, names = set(_ALIAS.findall(rest)), _names(rest)
    texts = {one.number: _plain(one.text) for one in cited}
    loose = [] if not cited else _numbers(rest, {one.number for one in cited})
    found = _Found(cited, texts, people, names, quotes)
    if not (found.has_people and found.has_names and found.has_quotes and found.has_times(rest)):
        return []
    known = [*_flat(measured.values()), *_of_time(cited), float(len(cited))]
    told = [number for number in loose if not _is_known(number, known)]
    spoken = {one.number: _spoken(one.text) for one in cited}
    if not all(any(_is_known(number, each) for each in spoken.values()) for number in told):
        return []
    strong = [
        one
        for one in cited
        if any(quote in texts[one.number] for quote in quotes)
        or any(_is_known(number, spoken[one.number]) for number in told)
    ]
    return _with_people(strong or [one for one in cited if found.names_one(one)], cited, people)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a claim names, beside the messages it cites."""

    cited: Sequence[Shown]
    texts: Mapping[int, str]
    people: Set[str]
    names: Set[str]
    quotes: Sequence[str]

    @property
    def has_people(self) -> bool:
        return bool(self.cited) and all(
            any(_has_person(one, who) for one in self.cited) for who in self.people
        )

    @property
    def has_names(self) -> bool:
        return all(any(name in text for text in self.texts.values()) for name in self.names)

    @property
    def has_quotes(self) -> bool:
        return all(any(quote in text for text in self.texts.values()) for quote in self.quotes)

    def has_times(self, claim: str) -> bool:
        """Whether each day is that of a cited message, and each time of day, or stands in one."""
        known = {(one.at.hour % 12, one.at.minute) for one in self.cited}
        on = {(one.at.year, one.at.month, one.at.day) for one in self.cited}
        if any(day not in on for day in _days(claim)):
            return False
        return all(
            (int(hour) % 12, int(minute)) in known
            or any(f"{hour}:{minute}" in text for text in self.texts.values())
            for hour, minute in _CLOCK.findall(claim)
        )

    def names_one(self, one: Shown) -> bool:
        """Whether the message has a person or a name of the claim, or it has none to ask for."""
        if not self.people and not self.names:
            return True
        return any(_has_person(one, who) for who in self.people) or any(
            name in self.texts[one.number] for name in self.names
        )


def _has_person(one: Shown, who: str) -> bool:
    return one.alias == who or who in _ALIAS.findall(one.text)


def _with_people(kept: list[Shown], cited: Sequence[Shown], people: Set[str]) -> list[int]:
    """And for each person that none of them has, the first that does."""
    for who in sorted(people):
        if not any(_has_person(one, who) for one in kept):
            kept = [*kept, next(one for one in cited if _has_person(one, who))]
    return sorted(one.number for one in kept)


def _plain(text: str) -> str:
    """In lower case, with simple apostrophes and single spaces, without marks at its ends."""
    simple = _SPACE.sub(" ", text.replace("’", "'").replace("⏎", " "))
    return simple.casefold().strip(" .,;:!?…'")


def _names(text: str) -> set[str]:
    """Words with a capital within sentences, where the language does not write all nouns so."""
    words = _WORD.findall(text)
    first = {found.end() for found in _SENTENCE.finditer(text)}
    capital = [
        found[0]
        for found in _WORD.finditer(text)
        if found[0][0].isupper() and found.end() not in first and len(found[0]) > 1
    ]
    if len(capital) > NOUNS_SHARE_MAX * len(words):
        return set()
    told = {_plain(word.removesuffix("'s").removesuffix("’s")) for word in capital}
    return told - _COMMON


def _days(text: str) -> Iterable[tuple[int, int, int]]:
    """The days a claim names in full, in one of six languages or as ISO 8601 has them."""
    for year, month, day in _ISO.findall(text):
        yield int(year), int(month), int(day)
    told = [*_DAY_FIRST.findall(text), *((d, m, y) for m, d, y in _MONTH_FIRST.findall(text))]
    for day, month, year in told:
        for number, starts in enumerate(_MONTHS, start=1):
            if month.casefold().startswith(starts):
                yield int(year), number, int(day)


def _numbers(text: str, cited: Set[int]) -> list[float]:
    """The numbers of a claim, without those that say which messages it cites."""
    bare = _CITED.sub(lambda found: " " if int(found[1]) in cited else f" {found[1]} ", text)
    bare = _CLOCK.sub(" ", _ALIAS.sub(" ", bare))
    return [number for found in _NUMBER.findall(bare) for number in _parsed(found)]


def _parsed(text: str) -> list[float]:
    """ "1,204" and "1.204" are 1204, "3.5" and "3,5" 3.5; "18:30" are two numbers."""
    if ":" in text:
        return [float(part) for part in re.split(r"[:.,]", text)]
    whole, *parts = re.split(r"[.,]", text)
    if parts and all(len(part) == 3 for part in parts):
        return [float(whole + "".join(parts))]
    return (
        [float(f"{whole}.{''.join(parts)}")] if len(parts) == 1 else [*map(float, [whole, *parts])]
    )


def _spoken(text: str) -> list[float]:
    return [number for found in _NUMBER.findall(text) for number in _parsed(found)]


def _is_known(number: float, known: Iterable[float]) -> bool:
    return any(number == each or (each > 1 and abs(number - each) < SLACK) for each in known)


def _of_time(cited: Sequence[Shown]) -> Iterable[float]:
    """Days of the messages, and the time between two of them in any unit."""
    for one in cited:
        yield from (one.at.year, one.at.month, one.at.day)
    for one, other in combinations(cited, 2):
        seconds = abs((other.at - one.at).total_seconds())
        yield from (seconds / 60, seconds / 3600, seconds / 86_400, seconds / 604_800)


def _flat(values: Iterable[Metric]) -> Iterable[float]:
    """Every number of the metrics; a share in per cent, too."""
    for value in values:
        match value:
            case bool() | None | str():
                continue
            case int() | float():
                yield from (float(value), 100.0 * value)
            case dict():
                yield from _flat(cast("dict[str, Metric]", value).values())
            case list():
                yield from _flat(cast("list[Metric]", value))
            case _:
                continue
