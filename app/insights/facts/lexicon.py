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
        self._entries: dict[str, tuple[Entry, ...]] = {}

    def _add(self, signal: str, phrase: str) -> None:
        # A star may end the first word of a phrase, no later one.
        words = words_of(phrase.replace("*", ""))
        table = self._prefixes if phrase.split()[0].endswith("*") else self._first
        table.setdefault(words[0], []).append((signal, tuple(words[1:])))

    def hits(self, words: Sequence[str]) -> list[Hit]:
        """The signals of a message, each once, in order of appearance."""
        found: dict[str, int] = {}
        known = self._entries
        for at, word in enumerate(words):
            entries = known.get(word)
            if entries is None:
                entries = known[word] = self._entries_of(word)
            for signal, rest in entries:
                if signal in found or (rest and not _follows(words, at, rest)):
                    continue
                if at and words[at - 1] in self._negations:
                    continue
                found[signal] = at
        return [Hit(signal, at) for signal, at in found.items()]

    def _entries_of(self, word: str) -> tuple[Entry, ...]:
        entries = list(self._first.get(word, ()))
        for length in range(_PREFIX_MIN, len(word) + 1):
            entries += self._prefixes.get(word[:length], ())
        if _LAUGHTER.fullmatch(word):
            entries.append(("laughter", ()))
        return tuple(entries)


def _follows(words: Sequence[str], at: int, rest: tuple[str, ...]) -> bool:
    return all(
        at + offset < len(words) and words[at + offset] == word
        for offset, word in enumerate(rest, start=1)
    )


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
