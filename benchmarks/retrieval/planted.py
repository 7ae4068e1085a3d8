"""Facts to plant in chats, and the question each answers: the files of `planted/`.

The questions are in other words than the answers, as far as people do that: about a quarter of
a question's words stand in its answer, more in what is said around it. People leave out accents
and capitals, questions do not.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
LANGUAGES = ("de", "en", "es", "fr", "it", "pt")
PARTS = ("seen", "held_out")
"""Retrieval was chosen by the first; the second tells whether the choice holds."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of an exchange."""

    text: str
    is_answer: bool


@dataclass(frozen=True, slots=True)
class Fact:
    """`near` are messages about the same thing that do not answer the question."""

    ask: str
    said: tuple[Said, ...]
    near: tuple[str, ...]
    part: str


@cache
def facts(language: str) -> tuple[Fact, ...]:
    """The facts of one of LANGUAGES; every second one is held out."""
    content = tomllib.loads((_HERE / "planted" / f"{language}.toml").read_text(encoding="utf-8"))
    return tuple(
        Fact(
            each["ask"],
            tuple(Said(text.removeprefix("*"), text.startswith("*")) for text in each["said"]),
            tuple(each["near"]),
            PARTS[number % 2],
        )
        for number, each in enumerate(content["fact"])
    )
