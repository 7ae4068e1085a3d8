"""The word lists of `../lexicon/`, put together for the languages a chat is written in."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from app.chats.retrieval import words_of

_FOLDER = Path(__file__).parents[1] / "lexicon"
LANGUAGES = ("en", "de", "es", "fr", "pt", "it", "nl", "tr")
LANGUAGE_FLOOR = 0.12
SECOND_LANGUAGE_SHARE = 0.62
_PREFIX_MIN = 3
_LAUGHTER = re.compile(
    r"(?:a?(?:h[aeiouä]){2,}h?|(?:j[aei]){2,}j?|(?:x[ae]){2,}|(?:ах|ха|хи){2,}х?|(?:ah){2,}a?"
    r"|k{3,}|(?:rs){2,}|l+o+l+|lmf?ao+|r+o+f+l+|xd+|w{4,}|ㅋㅋ|ㅎㅎ|哈哈|呵呵|笑|ههه+|הההה*)"
)

Entry = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A signal in a message; `at` is the position of its first word, -1 for an emoji."""

    signal: str
    at: int


@dataclass(frozen=True, slots=True)
class _Openings:
    """What a word may begin: signals by itself, and phrases by their second word."""

    alone: tuple[str, ...]
    phrases: Mapping[str, Sequence[tuple[str, list[str]]]]


class Lexicon:
    """Finds signals (affection, a promise, …) in the words of a message."""

    def __init__(self, languages: Sequence[str]) -> None:
        self.languages = tuple(languages)
        lists = [_list(language) for language in self.languages]
        self.common = frozenset(word for each in lists for word in each["common"])
        self.phrases: Mapping[str, tuple[str, ...]] = {
            signal: tuple(phrase for each in lists for phrase in each["signals"][signal])
            for signal in _signals()
        }
        self._negations = frozenset(word for each in lists for word in each["negation"])
        self._first: dict[str, list[Entry]] = {}
        self._prefixes: dict[str, list[Entry]] = {}
        for signal, phrases in self.phrases.items():
            for phrase in phrases:
                self._add(signal, phrase)
        self._known: dict[str, _Openings | None] = {}

    def _add(self, signal: str, phrase: str) -> None:
        # A star may end the first word of a phrase, no later one.
        words = words_of(phrase.replace("*", ""))
        table = self._prefixes if phrase.split()[0].endswith("*") else self._first
        table.setdefault(words[0], []).append((signal, tuple(words[1:])))

    def hits(self, words: list[str]) -> list[Hit]:
        """The signals of a message, each once, in order of appearance."""
        found: dict[str, int] = {}
        known, negations = self._known, self._negations
        for at, word in enumerate(words):
            openings = known[word] if word in known else self._look_up(word)
            if openings is None or (at and words[at - 1] in negations):
                continue
            for signal in openings.alone:
                found.setdefault(signal, at)
            if openings.phrases and at + 1 < len(words):
                for signal, rest in openings.phrases.get(words[at + 1], ()):
                    if words[at + 1 : at + 1 + len(rest)] == rest:
                        found.setdefault(signal, at)
        return [Hit(signal, at) for signal, at in found.items()]

    def _look_up(self, word: str) -> "_Openings | None":
        entries = list(self._first.get(word, ()))
        for length in range(_PREFIX_MIN, len(word) + 1):
            entries += self._prefixes.get(word[:length], ())
        if _LAUGHTER.fullmatch(word):
            entries.append(("laughter", ()))
        alone = tuple(signal for signal, rest in entries if not rest)
        phrases: dict[str, list[tuple[str, list[str]]]] = {}
        for signal, rest in entries:
            if rest:
                phrases.setdefault(rest[0], []).append((signal, list(rest)))
        self._known[word] = _Openings(alone, phrases) if entries else None
        return self._known[word]


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
        language: sum(frequency.get(word, 0) for word in set(_list(language)["common"])) / total
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
        "common": _all_words(content["common"].split()),
        "negation": content["negation"].split(),
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
