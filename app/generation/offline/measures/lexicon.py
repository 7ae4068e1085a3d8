"""The word lists of `../lexicon/`, put together for the languages a chat is written in."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.generation.retrieval import words_of

_FOLDER = Path(__file__).parents[1] / "lexicon"
LANGUAGES = ("en", "de", "es", "fr", "pt", "it", "nl", "tr")
LANGUAGE_FLOOR = 0.12
SECOND_LANGUAGE_SHARE = 0.62
_PREFIX_MIN = 3
_LAUGHTER = re.compile(
    r"(?:a?(?:h[aeiouä]){2,}h?|(?:j[aei]){2,}j?|(?:x[ae]){2,}|(?:ах|ха|хи){2,}х?|(?:ah){2,}a?"
    r"|k{3,}|(?:rs){2,}|l+o+l+|lmf?ao+|mdr+|r+o+f+l+|xd+|w{4,}|ㅋㅋ|ㅎㅎ|哈哈|呵呵|笑|ههه+|הההה*)"
)
CUE = "cue "
"""What the names of cues begin with: phrases of `measures/events.py`, no signals."""
IDIOM = ""
"""What `idioms` of a word list stand for: words that look like a signal and are none."""

Span = tuple[str, int, int]
"""A signal, and the words it takes: from one to before another; -1 and 0 of an emoji."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A phrase that a word may begin; `rest` are the words after it, perhaps with stars."""

    signal: str
    rest: list[str]
    is_opening: bool


@dataclass(frozen=True, slots=True)
class _Openings:
    """What a word may begin: signals by itself (`first`: at the head of a message only), phrases
    by their second word, and phrases whose second word has a star."""

    alone: tuple[str, ...]
    first: tuple[str, ...]
    phrases: Mapping[str, Sequence[_Entry]]
    loose: Sequence[_Entry]


@dataclass(frozen=True, slots=True)
class _Tables:
    """The word lists of some languages, by the first word of each phrase."""

    common: frozenset[str]
    negations: frozenset[str]
    phrases: Mapping[str, tuple[str, ...]]
    nothing: frozenset[str]
    cue_words: frozenset[str]
    weekdays: tuple[str, ...]
    whole: Mapping[str, Sequence[_Entry]]
    prefixes: Mapping[str, Sequence[_Entry]]
    endings: Mapping[str, Sequence[_Entry]]


class Lexicon:
    """Finds signals (affection, a promise, …) and cues in the words of a message."""

    def __init__(self, languages: Sequence[str]) -> None:
        self.languages = tuple(languages)
        self._tables = tables = _tables(self.languages)
        self.common, self.phrases = tables.common, tables.phrases
        self.nothing, self.weekdays = tables.nothing, tables.weekdays
        self.cue_words = tables.cue_words
        # Of this chat alone: no word of it outlives its measuring.
        self._known: dict[str, _Openings | None] = {}

    def spans(self, words: list[str]) -> list[Span]:
        """Every phrase that is said word by word, whatever stands around it."""
        found: list[Span] = []
        known, last = self._known, len(words) - 1
        for at, word in enumerate(words):
            openings = known[word] if word in known else self._look_up(word)
            if openings is None:
                continue
            for signal in openings.alone:
                found.append((signal, at, at + 1))
            if at == 0:
                found += [(signal, 0, 1) for signal in openings.first]
            if at < last and (openings.phrases or openings.loose):
                for entry in (*openings.phrases.get(words[at + 1], ()), *openings.loose):
                    stop = at + 1 + len(entry.rest)
                    if not (entry.is_opening and at) and _is_said(entry.rest, words[at + 1 : stop]):
                        found.append((entry.signal, at, stop))
        return found

    def signals(self, words: list[str], spans: Sequence[Span]) -> dict[str, int]:
        """Signals by the word they begin at; undone by a negation, an idiom, a longer phrase."""
        told = [one for one in spans if not one[0].startswith(CUE)]
        found: dict[str, int] = {}
        for signal, start, stop in told:
            is_within = len(told) > 1 and any(
                begin <= start and stop <= end and (end - begin > stop - start or other == IDIOM)
                for other, begin, end in told
            )
            is_negated = start and words[start - 1] in self._tables.negations
            if signal and not is_within and not is_negated:
                found.setdefault(signal, start)
        return found

    def is_signal(self, word: str) -> bool:
        """Whether the word by itself is a signal or a cue, wherever it stands."""
        openings = self._known[word] if word in self._known else self._look_up(word)
        return openings is not None and any(openings.alone)

    def _look_up(self, word: str) -> "_Openings | None":
        tables = self._tables
        entries = list(tables.whole.get(word, ()))
        for length in range(_PREFIX_MIN, len(word) + 1):
            entries += tables.prefixes.get(word[:length], ())
            entries += tables.endings.get(word[-length:], ())
        if _LAUGHTER.fullmatch(word):
            entries.append(_Entry("laughter", [], is_opening=False))
        alone = [entry for entry in entries if not entry.rest]
        phrases: dict[str, list[_Entry]] = {}
        loose = [entry for entry in entries if entry.rest and "*" in entry.rest[0]]
        for entry in entries:
            if entry.rest and "*" not in entry.rest[0]:
                phrases.setdefault(entry.rest[0], []).append(entry)
        self._known[word] = openings = (
            _Openings(
                alone=tuple(each.signal for each in alone if not each.is_opening),
                first=tuple(each.signal for each in alone if each.is_opening),
                phrases=phrases,
                loose=loose,
            )
            if entries
            else None
        )
        return openings


@cache
def _tables(languages: tuple[str, ...]) -> _Tables:
    """At most two of eight languages at a time: few enough to keep."""
    lists = [_list(language) for language in languages]
    phrases = {
        signal: tuple(phrase for each in lists for phrase in each["signals"][signal])
        for signal in _signals()
    }
    said = [(signal, phrase) for signal, each in phrases.items() for phrase in each]
    said += [(IDIOM, phrase) for each in lists for phrase in each["idioms"]]
    said += [
        (CUE + cue, phrase)
        for each in lists
        for cue, told in each["cues"].items()
        for phrase in told
    ]
    whole: dict[str, list[_Entry]] = {}
    prefixes: dict[str, list[_Entry]] = {}
    endings: dict[str, list[_Entry]] = {}
    for signal, phrase in said:
        first, *rest = phrase.lower().removeprefix("^").split()
        table = whole
        if "*" in first:
            table = prefixes if first.endswith("*") else endings
        entry = _Entry(signal, rest, is_opening=phrase.startswith("^"))
        table.setdefault(first.strip("*"), []).append(entry)
    return _Tables(
        common=frozenset(word for each in lists for word in each["common"]),
        negations=frozenset(word for each in lists for word in each["negation"]),
        phrases=phrases,
        nothing=frozenset(word for each in lists for word in each["cues"].get("nothing", ())),
        cue_words=frozenset(
            word for signal, phrase in said if signal.startswith(CUE) for word in phrase.split()
        ),
        weekdays=tuple(lists[0]["cues"].get("weekdays", ())) if lists else (),
        whole=whole,
        prefixes=prefixes,
        endings=endings,
    )


def _is_said(rest: list[str], after: list[str]) -> bool:
    return rest == after or (
        len(rest) == len(after)
        and any("*" in pattern for pattern in rest)
        and all(
            pattern == word or (pattern.endswith("*") and word.startswith(pattern[:-1]))
            for pattern, word in zip(rest, after, strict=True)
        )
    )


def emoji_signals(text: str) -> list[tuple[str, str]]:
    """The signs in `text` that are a signal, with it, in order."""
    return [(_emoji()[mark], mark) for mark in _emoji_pattern().findall(text)]


def spoken_languages(frequency: Mapping[str, int]) -> tuple[str, ...]:
    """The languages with word lists that most of the text is in, the first one first; maybe none.

    `frequency` counts the words of the whole chat. A second language counts when it explains
    nearly as much as the first, since neighbours (Spanish, Portuguese) share many words.
    """
    total = sum(frequency.values()) or 1
    share = {
        language: sum(frequency.get(word, 0) for word in _list(language)["common"]) / total
        for language in LANGUAGES
    }
    ranked = sorted(LANGUAGES, key=lambda language: -share[language])
    best = share[ranked[0]]
    if best < LANGUAGE_FLOOR:
        return ()
    return tuple(lang for lang in ranked[:2] if share[lang] >= best * SECOND_LANGUAGE_SHARE)


@cache
def _list(language: str) -> Mapping[str, Any]:
    content = tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
    return {
        "common": frozenset(_all_words(content["common"].split())),
        "negation": content["negation"].split(),
        "idioms": content.get("idioms", ()),
        "signals": content["signals"],
        "cues": content.get("cues", {}),
    }


def _all_words(entries: Iterable[str]) -> list[str]:
    return [word for entry in entries for word in words_of(entry)]


@cache
def _signals() -> tuple[str, ...]:
    return tuple(_list("en")["signals"])


@cache
def _emoji() -> Mapping[str, str]:
    content = tomllib.loads((_FOLDER / "neutral.toml").read_text(encoding="utf-8"))
    return {mark: signal for signal, marks in content["emoji"].items() for mark in marks}


@cache
def _emoji_pattern() -> re.Pattern[str]:
    return re.compile("[" + "".join(_emoji()) + "]")
