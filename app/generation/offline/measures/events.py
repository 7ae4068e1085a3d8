"""What happened, where several signs agree: words alone name no event.

A promise names its day; a plan its day and another person's assent; anger speaks to "you", comes
from both or is followed by an apology; a decision is assented to, good wishes are thanked for,
trouble is reported solved. Talk that is laughed at, quoted, denied, supposed or of long ago is
none. A silence ends with an apology that speaks of it.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from app.generation.offline.measures.lexicon import CUE
from app.generation.offline.measures.transcript import SECONDS_A_DAY, AnnotatedTranscript
from app.generation.retrieval import stem, words_of

QUARREL_JOIN_S, QUARREL_JOIN_MESSAGES = 2 * 3600, 20
APOLOGY_S = 3 * SECONDS_A_DAY
ASSENT_MESSAGES, ASSENT_WORDS, ASSENT_S = 3, 3, SECONDS_A_DAY / 2
SOLVED_S, SOLVED_MESSAGES = 14 * SECONDS_A_DAY, 1000
SILENCE_S = 2 * SECONDS_A_DAY
LAUGH_MESSAGES = 2
DENIED_WORDS = 4
FOLLOWED_AFTER_S = 7 * SECONDS_A_DAY
NOUN_LETTERS_MIN, NOUN_SHARE_MAX, NOUN_SPREAD_MIN = 4, 0.02, 12

_QUOTED = re.compile(r"[\"“”„«»]|(?:^|\s)['‘][\w¿¡]")
_SPOKEN = re.compile(r"\s*[^\W\d][\w .’'-]{0,24}:\s")
"""As a script begins: `Tom: I'll bring it`."""
_SURPRISE = re.compile(r"\?\s?[?!]|!\s?\?")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
ANYWHERE = 10_000
Answer = Callable[[int], int | None]
"""From a message to the one that makes it an event; None if there is none."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A message; `word` is its rarest noun, `again` where a later conversation has that.

    `is_never`: none of its nouns returns, and at least a week of chat follows.
    """

    at: int
    word: str
    again: int | None
    is_never: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """A message and the one by another person, or later on, that makes it an event."""

    at: int
    other: int


@dataclass(frozen=True, slots=True)
class Quarrel:
    """Angry messages close together, in order; `apology` comes within three days of the first."""

    angry: tuple[int, ...]
    apology: int | None


@dataclass(frozen=True, slots=True)
class Events:
    """All events of a chat by their kind, in order of time."""

    promises: list[Followed]
    plans: list[Pair]
    quarrels: list[Quarrel]
    decisions: list[Pair]
    taken_up: int
    """Decisions whose rarest noun a later conversation has."""
    birthdays: list[Pair]
    troubles: list[Pair]
    worries: list[Pair]
    tasks: list[Pair]
    returns: list[int]
    """Messages that end a silence of two days with an apology for it."""


def find_events(chat: AnnotatedTranscript) -> Events:
    """The events of a chat; none in a language without cues."""
    found = _Finder(chat)
    decisions = list(_pairs(found.plain("decided", denied=ANYWHERE), found.assent))
    taken_up = [one for one in found.followed(each.at for each in decisions) if one.again]
    return Events(
        promises=list(found.followed(found.dated("commit"))),
        plans=list(_pairs(found.dated("together", may_ask=True), found.assent)),
        quarrels=list(found.quarrels()),
        decisions=decisions,
        taken_up=len(taken_up),
        birthdays=list(_pairs(found.plain("birthday", denied=ANYWHERE), found.thanks)),
        troubles=list(_pairs(found.plain("broken", denied=ANYWHERE), found.solved("fixed"))),
        worries=list(_pairs(found.plain("unwell"), found.comfort)),
        tasks=list(_pairs(found.dated("ask", may_ask=True), found.solved("done", by_another=True))),
        returns=list(found.returns()),
    )


def _pairs(positions: Iterable[int], answer: Answer) -> Iterator[Pair]:
    for at in positions:
        other = answer(at)
        if other is not None:
            yield Pair(at, other)


class _Finder:
    """Looks for the signs of events in one chat."""

    def __init__(self, chat: AnnotatedTranscript) -> None:
        self.chat = chat
        self.laughs = chat.signals["laughter"]
        names = {part for name in chat.people for part in words_of(name)}
        self._apologies = list(self.plain("apology"))
        self._dull = names | chat.lexicon.common | chat.lexicon.cue_words
        self._rare = max(NOUN_SPREAD_MIN, NOUN_SHARE_MAX * len(chat.words))

    def cue(self, name: str) -> dict[int, tuple[int, int]]:
        return self.chat.cues.get(CUE + name, {})

    def plain(
        self, cue: str, *, may_ask: bool = False, denied: int = DENIED_WORDS
    ) -> Iterator[int]:
        """Messages that mean what the cue says; `denied`: how near a negation undoes it."""
        for at, span in self.cue(cue).items():
            if self._is_meant(at, span, may_ask=may_ask, denied=denied):
                yield at

    def dated(self, cue: str, *, may_ask: bool = False) -> Iterator[int]:
        """Those of them that name a day."""
        days, weekdays = self.cue("days"), self.cue("weekdays")
        for at in self.plain(cue, may_ask=may_ask, denied=ANYWHERE):
            is_dated = at in days or at in weekdays
            if is_dated and not _SPOKEN.match(self.chat.messages[at].text):
                yield at

    def _is_meant(self, at: int, span: tuple[int, int], *, may_ask: bool, denied: int) -> bool:
        chat = self.chat
        text = chat.messages[at].text
        if (chat.asks[at] and not may_ask) or at in self.cue("hedge") or at in self.cue("told"):
            return False
        if self.is_laughed_at(at, at) or _QUOTED.search(text):
            return False
        if any(int(year) != chat.on(at).year for year in _YEAR.findall(text)):
            return False
        return not self._is_denied(at, span, denied)

    def _is_denied(self, at: int, span: tuple[int, int], near: int) -> bool:
        start, stop = span
        words = self.chat.words[at]
        around = words[max(0, start - near) : start]
        if near == ANYWHERE:
            around += words[stop:]
        return not self.chat.lexicon.nothing.isdisjoint(around)

    def is_laughed_at(self, first: int, last: int) -> bool:
        """Whether there is laughter in these messages or right around them."""
        talks = self.chat.conversation
        around = range(max(0, first - 1), min(len(talks), last + LAUGH_MESSAGES + 1))
        return any(at in self.laughs and talks[at] == talks[first] for at in around)

    def _after(self, at: int, messages: int, seconds: float) -> Iterator[int]:
        """The next messages by others, within both bounds."""
        chat = self.chat
        for later in range(at + 1, min(len(chat.who), at + 1 + messages)):
            if chat.at[later] - chat.at[at] > seconds:
                return
            if chat.who[later] != chat.who[at]:
                yield later

    def assent(self, at: int) -> int | None:
        """The answer that begins with a yes, and takes nothing back."""
        yes = self.cue("assent")
        for later in self._after(at, ASSENT_MESSAGES, ASSENT_S):
            if later in yes and yes[later][0] < ASSENT_WORDS and self._is_clear(later):
                return later
        return None

    def _is_clear(self, at: int) -> bool:
        words = self.chat.words[at]
        return at not in self.cue("hedge") and self.chat.lexicon.nothing.isdisjoint(words)

    def thanks(self, at: int) -> int | None:
        """The thanks of another person within a day."""
        said = self.chat.signals["thanks"]
        for later in self._after(at, ASSENT_MESSAGES * 2, SECONDS_A_DAY):
            if 0 <= said.get(later, -1) < ASSENT_WORDS and self._is_clear(later):
                return later
        return None

    def comfort(self, at: int) -> int | None:
        """The comfort of another person within a day."""
        for later in self._after(at, ASSENT_MESSAGES, SECONDS_A_DAY):
            if later in self.cue("comfort") and later not in self.laughs:
                return later
        return None

    def solved(self, cue: str, *, by_another: bool = False) -> Answer:
        """A search for the first report of an end that shares a noun with a message."""
        reports = sorted(self.plain(cue, denied=ANYWHERE))

        def find(at: int) -> int | None:
            chat = self.chat
            nouns = {stem(word) for word in self.nouns(at)}
            for later in reports[bisect_right(reports, at) :]:
                if later - at > SOLVED_MESSAGES or chat.at[later] - chat.at[at] > SOLVED_S:
                    return None
                is_right = not by_another or chat.who[later] != chat.who[at]
                if is_right and nouns.intersection(map(stem, chat.words[later])):
                    return later
            return None

        return find

    def nouns(self, at: int) -> list[str]:
        """The rare words of a message, the rarest first."""
        spread = self.chat.spread
        rare = [
            word
            for word in dict.fromkeys(self.chat.words[at])
            if len(word) >= NOUN_LETTERS_MIN
            and word not in self._dull
            and not word.isdigit()
            and spread[word] <= self._rare
            and not self.chat.lexicon.is_signal(word)
        ]
        return sorted(rare, key=lambda word: (spread[word], -len(word)))

    def followed(self, positions: Iterable[int]) -> Iterator[Followed]:
        """These messages, and where the rarest noun of each stands in a later conversation."""
        chat = self.chat
        named = {at: self.nouns(at) for at in positions}
        places = chat.places({word for nouns in named.values() for word in nouns})
        for at, nouns in named.items():
            later = {
                word: place
                for word in nouns
                for place in reversed(places[word][bisect_right(places[word], at) :])
                if chat.conversation[place] > chat.conversation[at]
            }
            word = next(iter(nouns), "")
            is_over = bool(nouns) and chat.at[-1] - chat.at[at] >= FOLLOWED_AFTER_S
            yield Followed(at, word, later.get(word), is_never=is_over and not later)

    def quarrels(self) -> Iterator[Quarrel]:
        """Passages of anger from two sides, or from one and answered by an apology."""
        chat = self.chat
        passage: list[int] = []
        angry = self.plain("anger", may_ask=True)
        strong = {at for at in angry if not _SURPRISE.search(chat.messages[at].text)}
        for at in [*sorted(strong.union(self.plain("reproach"))), len(chat.who)]:
            if passage and (
                at == len(chat.who)
                or at - passage[-1] > QUARREL_JOIN_MESSAGES
                or chat.at[at] - chat.at[passage[-1]] > QUARREL_JOIN_S
            ):
                quarrel = self._quarrel(passage)
                if quarrel is not None and not strong.isdisjoint(passage):
                    yield quarrel
                passage = []
            passage.append(at)

    def _quarrel(self, angry: list[int]) -> Quarrel | None:
        chat = self.chat
        if len(angry) < 2 or self.is_laughed_at(angry[0], angry[-1]):
            return None
        apology = self._apology(angry)
        sides = {chat.who[at] for at in angry}
        if len(sides) > 1:
            return Quarrel(tuple(angry), apology)
        is_answered = apology is not None and chat.who[apology] not in sides
        return Quarrel(tuple(angry), apology) if is_answered else None

    def _apology(self, angry: list[int]) -> int | None:
        """The first by a person who wrote in the passage or right after it."""
        chat = self.chat
        near = set(chat.who[angry[0] : angry[-1] + 1 + ASSENT_MESSAGES])
        for at in self._apologies[bisect_right(self._apologies, angry[0]) :]:
            if chat.at[at] - chat.at[angry[-1]] > APOLOGY_S:
                return None
            if chat.who[at] in near:
                return at
        return None

    def returns(self) -> Iterator[int]:
        chat = self.chat
        for at in filter(self.cue("absence").__contains__, self._apologies):
            start = chat.starts[chat.conversation[at]]
            is_first = all(chat.who[place] == chat.who[at] for place in range(start, at))
            if is_first and start and chat.at[start] - chat.at[start - 1] >= SILENCE_S:
                yield at
