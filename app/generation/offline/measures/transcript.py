"""A chat prepared for measuring: words, people, clock and conversations of every message."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from app.chats.message import CONVERSATION_SILENCE_S, Message
from app.generation.offline.measures.lexicon import CUE, Lexicon, emoji_signals, spoken_languages
from app.generation.retrieval import words_of

PEOPLE_MAX = 60
EVERYONE_ELSE = "everyone else"
SECONDS_A_DAY = 86_400

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_QUESTION_MARKS = ("?", "¿", "؟", "？")

Cues = dict[str, dict[int, tuple[int, int]]]
Forms = dict[tuple[str, int], dict[str, list[int]]]


@dataclass(frozen=True, slots=True)
class AnnotatedTranscript:
    """Columns over the messages of a chat, one entry a message; `who` points into `people`.

    `at` is seconds since 1970, never running backwards; `day` and `hour` are those of the
    chat's own clock. `starts` are the positions at which a conversation begins: after a silence
    of six hours. `middle` is where the later half of the messages begins. `signals` are the
    positions of messages that hold a signal, and where in them; `cues` those of cues, with the
    words they take. `forms` are the words a person said a signal with, literally, and the
    positions of those messages. `spread` is in how many messages each word stands. `next_other`
    is the position of the next message by another person, or the number of messages if there is
    none.
    """

    messages: Sequence[Message]
    people: tuple[str, ...]
    who: list[int]
    at: list[float]
    day: list[int]
    hour: list[int]
    words: list[list[str]]
    asks: list[bool]
    starts: list[int]
    conversation: list[int]
    lexicon: Lexicon
    signals: dict[str, dict[int, int]]
    cues: Cues
    forms: Forms
    spread: Counter[str]
    middle: int
    next_other: list[int]

    def on(self, position: int) -> date:
        """The day of the message at `position`."""
        return date.fromordinal(self.day[position])

    def between(self, before: int, after: int) -> timedelta:
        """The time from one message to another."""
        return timedelta(seconds=self.at[after] - self.at[before])

    def weekday(self, position: int) -> int:
        """0 is Monday."""
        return (self.day[position] - 1) % 7

    def by_person(self, positions: Iterable[int]) -> list[list[int]]:
        """The positions, parted by who wrote there."""
        own: list[list[int]] = [[] for _ in self.people]
        for at in positions:
            own[self.who[at]].append(at)
        return own

    def talks(self) -> list[range]:
        """The positions of each conversation."""
        return [range(*each) for each in pairwise([*self.starts, len(self.who)])]

    def places(
        self, words: set[str], positions: Iterable[int] | None = None
    ) -> dict[str, list[int]]:
        """Where each of the words stands, in order; among `positions` if they are given."""
        found: dict[str, list[int]] = {word: [] for word in words}
        if words:
            for at in range(len(self.words)) if positions is None else positions:
                for word in words.intersection(self.words[at]):
                    found[word].append(at)
        return found

    def reply(self, position: int, *, within_s: float = SECONDS_A_DAY) -> int | None:
        """The next message by another person within that time; None if there is none."""
        at = self.next_other[position]
        if at == len(self.who) or self.at[at] - self.at[position] > within_s:
            return None
        return at


def annotate(messages: Sequence[Message], words: list[list[str]]) -> AnnotatedTranscript:
    """The columns of a chat of at least one message; `words` are those of each message."""
    people, who = _people(messages)
    at = _clock(messages)
    starts = [0] + [
        position
        for position, (before, after) in enumerate(pairwise(at), start=1)
        if after - before >= CONVERSATION_SILENCE_S
    ]
    lexicon = Lexicon(spoken_languages(Counter(word for each in words for word in each)))
    signals, cues, forms = _said(messages, words, who, lexicon)
    day = [message.at.toordinal() for message in messages]
    return AnnotatedTranscript(
        messages=messages,
        people=people,
        who=who,
        at=at,
        day=day,
        hour=[message.at.hour for message in messages],
        words=words,
        asks=[_asks(message.text) for message in messages],
        starts=starts,
        conversation=_numbered(starts, len(messages)),
        lexicon=lexicon,
        signals=signals,
        cues=cues,
        forms=forms,
        spread=Counter(word for each in words for word in set(each)),
        middle=_middle(day),
        next_other=_next_other(who),
    )


def words_of_messages(messages: Sequence[Message]) -> list[list[str]]:
    """The words of every message, for `annotate` and the retrieval index alike."""
    return [words_of(message.text) for message in messages]


def _people(messages: Sequence[Message]) -> tuple[tuple[str, ...], list[int]]:
    """Names by falling number of messages; beyond sixty they are counted together."""
    ranked = Counter(message.author for message in messages).most_common()
    names = [name for name, _ in ranked]
    if len(names) > PEOPLE_MAX:
        names = [*names[: PEOPLE_MAX - 1], EVERYONE_ELSE]
    index = {name: place for place, name in enumerate(names)}
    rest = len(names) - 1
    return tuple(names), [index.get(message.author, rest) for message in messages]


def _clock(messages: Sequence[Message]) -> list[float]:
    latest = float("-inf")
    clock: list[float] = []
    for message in messages:
        latest = max(latest, message.at.timestamp())
        clock.append(latest)
    return clock


def _asks(text: str) -> bool:
    if not any(mark in text for mark in _QUESTION_MARKS):
        return False
    if "://" not in text and "www." not in text:
        return True
    bare = _LINK.sub(" ", text)
    return any(mark in bare for mark in _QUESTION_MARKS)


def _middle(day: Sequence[int]) -> int:
    """The beginning of a day nearest to the middle of the messages; the middle if all is one day.

    So "before 3 May" and "since 3 May" are true of every message on either side.
    """
    half = (len(day) + 1) // 2
    dawns = [at for at in range(1, len(day)) if day[at] != day[at - 1]]
    return min(dawns, key=lambda at: abs(at - half), default=half)


def _next_other(who: Sequence[int]) -> list[int]:
    found = [len(who)] * len(who)
    for at in range(len(who) - 2, -1, -1):
        found[at] = at + 1 if who[at + 1] != who[at] else found[at + 1]
    return found


def _numbered(starts: Sequence[int], count: int) -> list[int]:
    numbered: list[int] = []
    for place, (start, stop) in enumerate(pairwise([*starts, count])):
        numbered += [place] * (stop - start)
    return numbered


def _said(
    messages: Sequence[Message], words: Sequence[list[str]], who: Sequence[int], lexicon: Lexicon
) -> tuple[dict[str, dict[int, int]], Cues, Forms]:
    """Signals, cues and forms, as AnnotatedTranscript has them."""
    signals: dict[str, dict[int, int]] = {signal: {} for signal in lexicon.phrases}
    cues: defaultdict[str, dict[int, tuple[int, int]]] = defaultdict(dict)
    forms: defaultdict[tuple[str, int], dict[str, list[int]]] = defaultdict(dict)
    for position, (message, each) in enumerate(zip(messages, words, strict=True)):
        spans = lexicon.spans(each)
        said: dict[tuple[str, str], None] = {}
        for signal, start, stop in spans:
            if signal.startswith(CUE):
                cues[signal].setdefault(position, (start, stop))
            elif signal:
                said[signal, " ".join(each[start:stop])] = None
        for signal, start in lexicon.signals(each, spans).items() if spans else ():
            signals[signal][position] = start
        if not message.text.isascii():
            for signal, mark in emoji_signals(message.text):
                signals[signal].setdefault(position, -1)
                said[signal, mark] = None
        for signal, form in said:
            forms[signal, who[position]].setdefault(form, []).append(position)
    for sharp in ("tension", "tension_mild"):  # Said with a laugh it is teasing.
        for at in signals["laughter"]:
            signals[sharp].pop(at, None)
    return signals, dict(cues), dict(forms)
