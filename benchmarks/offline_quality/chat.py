"""A made-up chat: what was said, by whom and when, and the facts planted in it."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from benchmarks.offline_quality.lines import Line, Lines, lines

MARGIN = timedelta(hours=30)


@dataclass(frozen=True, slots=True)
class Said:
    """One message; `scene` names the planted scene it belongs to, empty for everyday talk."""

    number: int
    at: datetime
    author: str
    text: str
    sure: frozenset[str]
    maybe: frozenset[str]
    scene: str


@dataclass(frozen=True, slots=True)
class Plant:
    """A fact put into a chat, and the claim that must come of it.

    One claim of the insight (category, key) must hold every one of `words` and cite at least one
    message of `scene`; `only`: none but messages of that scene.
    """

    kind: str
    insight: tuple[str, str]
    words: tuple[str, ...]
    scene: str = ""
    only: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    name: str
    kind: str
    language: str
    said: tuple[Said, ...]
    plants: tuple[Plant, ...]
    unseen: bool


@dataclass(frozen=True, slots=True)
class Extra:
    """A line to be said in the course of a conversation."""

    author: str
    line: Line
    scene: str = ""


class Telling:
    """Collects what is said; times are whole minutes, as Android exports them."""

    def __init__(self, language: str, seed: int, start: datetime, *, unseen: bool = False) -> None:
        self.lines: Lines = lines(language, unseen=unseen)
        self._unseen = unseen
        self.random = random.Random(f"{language}{seed}")
        self.now = start
        self._said: list[tuple[datetime, int, str, Line, str]] = []
        self._order = count()
        self._decks = {
            "neutral": self._deck(self.lines.neutral),
            "asks": self._deck(self.lines.asks),
            "replies": self._deck(self.lines.replies),
        }

    def _deck(self, texts: Sequence[Line]) -> Iterator[Line]:
        while texts:
            shuffled = list(texts)
            self.random.shuffle(shuffled)
            yield from shuffled

    def say(self, author: str, line: Line, scene: str = "", *, at: datetime | None = None) -> None:
        self.now = at or self.now
        self._said.append((self.now, next(self._order), author, line, scene))

    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    def converse(
        self,
        at: datetime,
        speakers: Sequence[str],
        *,
        turns: int,
        pace: dict[str, int],
        extras: Iterable[Extra] = (),
        ask_share: float = 0.15,
    ) -> None:
        """Everyday talk: `speakers[0]` begins, then they take turns, each after their own pace.

        Extras are said after the first line; an everyday question is always answered.
        """
        self.now = at
        self.say(speakers[0], next(self._decks["neutral"]))
        for extra in extras:
            self.wait(1 + self.random.randrange(2))
            self.say(extra.author, extra.line, extra.scene)
        asked = False
        turn = 1
        while turn < turns or asked:
            who = speakers[turn % len(speakers)]
            self.wait(max(1, pace[who] + self.random.randint(-1, 1) * (pace[who] // 5)))
            if asked:
                deck, asked = "replies", False
            else:
                asked = self.random.random() < ask_share
                deck = "asks" if asked else "neutral"
            self.say(who, next(self._decks[deck]))
            turn += 1

    def ask_into_silence(self, author: str, scene: str) -> None:
        """A question at the end of a conversation; the caller lets more than a day pass."""
        self.wait(2)
        self.say(author, next(self._decks["asks"]), scene)

    def quarrel(self, at: datetime, people: tuple[str, str], scene: str, *, which: int = 0) -> None:
        """A quarrel, an apology three hours later, and calm talk the next evening."""
        names = dict(zip("AB", people, strict=True))
        self.now = at
        quarrels = self.lines.quarrels
        for speaker, line in quarrels[which % len(quarrels)]:
            self.say(names[speaker], line, scene)
            self.wait(2)
        self.wait(180)
        for speaker, line in self.lines.made_up:
            self.say(names[speaker], line, scene)
            self.wait(3)

    def finished(self, name: str, kind: str, plants: Iterable[Plant]) -> Chat:
        """The chat, in order of time, numbered from 1."""
        ordered = sorted(self._said, key=lambda each: each[:2])
        said = tuple(
            Said(number, at, author, line.text, line.sure, line.maybe, scene)
            for number, (at, _, author, line, scene) in enumerate(ordered, start=1)
        )
        full = f"{name}-unseen" if self._unseen else name
        return Chat(full, kind, self.lines.language, said, tuple(plants), self._unseen)
