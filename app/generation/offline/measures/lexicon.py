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
    r"|k{3,}|(?:rs){2,}|l+o+l+|lmf?ao+|r+o+f+l+|xd+|w{4,}|ㅋㅋ|ㅎㅎ|哈哈|呵呵|笑|ههه+|הההה*)"
)

IDIOM = ""
"""What `idioms` of a word list stand for: words that look like a signal and are none."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A signal in a message; `at` is the position of its first word, -1 for an emoji."""

    signal: str
    at: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """A phrase that a word may begin; `rest` are the words after it, perhaps with stars."""

    signal: str
    rest: list[str]
    is_opening: bool
    is_starred: bool


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
    whole: Mapping[str, Sequence[_Entry]]
    prefixes: Mapping[str, Sequence[_Entry]]
    endings: Mapping[str, Sequence[_Entry]]


class Lexicon:
    """Finds signals (affection, a promise, …) in the words of a message."""

    def __init__(self, languages: Sequence[str]) -> None:
        self.languages = tuple(languages)
        tables = _tables(self.languages)
        self.common, self.phrases = tables.common, tables.phrases
        self._tables = tables
        # Of this chat alone: no word of it outlives its measuring.
        self._known: dict[str, _Openings | None] = {}

    def hits(self, words: list[str]) -> list[Hit]:
        """The signals of a message, each once, in order of appearance.

        Of two phrases, one of which lies within the other, only the longer counts: "well done"
        reports nothing done.
        """
        found: list[tuple[str, int, int]] = []
        known, negations = self._known, self._tables.negations
        for at, word in enumerate(words):
            openings = known[word] if word in known else self._look_up(word)
            if openings is None or (at and words[at - 1] in negations):
                continue
            for signal in openings.alone:
                found.append((signal, at, at + 1))
            if at == 0:
                found += [(signal, 0, 1) for signal in openings.first]
            if at + 1 < len(words) and (openings.phrases or openings.loose):
                _follow(openings, words, at, found)
        if len(found) > 1:
            found = _longest(found)
        signals: dict[str, int] = {}
        for signal, at, _ in found:
            if signal:
                signals.setdefault(signal, at)
        return [Hit(signal, at) for signal, at in signals.items()]

    def is_signal(self, word: str) -> bool:
        """Whether the word by itself is a signal, wherever it stands."""
        openings = self._known[word] if word in self._known else self._look_up(word)
        return openings is not None and any(openings.alone)

    def _look_up(self, word: str) -> "_Openings | None":
        tables = self._tables
        entries = list(tables.whole.get(word, ()))
        for length in range(_PREFIX_MIN, len(word) + 1):
            entries += tables.prefixes.get(word[:length], ())
            entries += tables.endings.get(word[-length:], ())
        if _LAUGHTER.fullmatch(word):
            entries.append(_Entry("laughter", [], is_opening=False, is_starred=False))
        phrases: dict[str, list[_Entry]] = {}
        loose: list[_Entry] = []
        for entry in entries:
            if entry.rest and "*" in entry.rest[0]:
                loose.append(entry)
            elif entry.rest:
                phrases.setdefault(entry.rest[0], []).append(entry)
        alone = [entry for entry in entries if not entry.rest]
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
    whole: dict[str, list[_Entry]] = {}
    prefixes: dict[str, list[_Entry]] = {}
    endings: dict[str, list[_Entry]] = {}
    idioms = (phrase for each in lists for phrase in each["idioms"])
    said = [(signal, phrase) for signal, each in phrases.items() for phrase in each]
    for signal, phrase in [*said, *((IDIOM, phrase) for phrase in idioms)]:
        first, *rest = phrase.lower().removeprefix("^").split()
        table = whole
        if first.endswith("*"):
            table = prefixes
        elif first.startswith("*"):
            table = endings
        starred = any("*" in word for word in rest)
        entry = _Entry(signal, rest, is_opening=phrase.startswith("^"), is_starred=starred)
        table.setdefault(first.strip("*"), []).append(entry)
    return _Tables(
        common=frozenset(word for each in lists for word in each["common"]),
        negations=frozenset(word for each in lists for word in each["negation"]),
        phrases=phrases,
        whole=whole,
        prefixes=prefixes,
        endings=endings,
    )


def _follow(
    openings: _Openings, words: list[str], at: int, found: list[tuple[str, int, int]]
) -> None:
    """Adds the phrases that begin with the word at `at` and are said to their end."""
    entries = openings.phrases.get(words[at + 1], ())
    for entry in (*entries, *openings.loose) if openings.loose else entries:
        rest = entry.rest
        after = words[at + 1 : at + 1 + len(rest)]
        if after == rest or (entry.is_starred and _is_said(rest, after)):
            found.append((entry.signal, at, at + 1 + len(rest)))


def _is_said(rest: list[str], after: list[str]) -> bool:
    return len(rest) == len(after) and all(
        pattern == word or (pattern.endswith("*") and word.startswith(pattern[:-1]))
        for pattern, word in zip(rest, after, strict=True)
    )


def _longest(found: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The hits that lie within no longer one, and within no idiom."""
    return [
        (signal, start, stop)
        for signal, start, stop in found
        if not any(
            begin <= start and stop <= end and (end - begin > stop - start or other == IDIOM)
            for other, begin, end in found
        )
    ]


def emoji_signals(text: str) -> set[str]:
    """The signals of the emoji in `text`."""
    return {_emoji()[mark] for mark in _emoji_pattern().findall(text)}


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
