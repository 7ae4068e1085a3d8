"""Chats of many days with facts planted in them; equal seeds make equal chats.

What is said around the facts is drawn word by word, a few words very often and most seldom (Zipf),
from all that is said in the language, questions and facts included: each word of a question stands
all over the chat, and only where they meet tells. The order of words does not matter to what is
measured here, so there is no grammar.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from app.chats.message import Message
from app.generation.retrieval import words_of
from benchmarks.offline_quality.lines import lines
from benchmarks.retrieval.planted import Fact, facts

NEAR_TIMES = 6
"""So often each line about the same thing is said."""
LINES_SHARE = 0.3
ZIPF = 1.0
COMMON_TEXTS_MIN = 3
INVENTED_WORDS = 2_000
_SYLLABLES = tuple(c + v for c in "bdfgklmnprstvz" for v in "aeiou")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a kind of chat is written: bursts of messages with pauses of hours between them."""

    name: str
    people: int
    messages: int
    burst: tuple[int, int]
    pause_s: tuple[int, int]
    lengths: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 9, 14)


SHAPES = (
    Shape("pair", 2, 12_000, (3, 40), (5, 240)),
    Shape("group", 7, 12_000, (60, 400), (2, 60)),
    Shape("letters", 2, 2_500, (2, 12), (60, 3_000), (8, 15, 25, 40, 60)),
)
_NAMES = ("Ben", "Ida", "Noor", "Theo", "Mia", "Jan", "Ruth")


@dataclass(frozen=True, slots=True)
class Question:
    """`evidence` are numbers of messages that answer it."""

    text: str
    evidence: frozenset[int]
    part: str


@dataclass(frozen=True, slots=True)
class AskedChat:
    """Messages and what is asked of them."""

    messages: list[Message]
    questions: list[Question]


def made_up_chat(language: str, shape: Shape, *, seed: int) -> AskedChat:
    """A chat of `shape` that holds every fact of `language`, each once."""
    random = Random(f"{language} {shape.name} {seed}")
    texts: list[str | tuple[Fact, int]] = [*_Talk(language, shape, random).texts(shape.messages)]
    for near in (each for fact in facts(language) for each in fact.near):
        for _ in range(NEAR_TIMES):
            texts[random.randrange(len(texts))] = near
    places = sorted(random.sample(range(len(texts)), len(facts(language))), reverse=True)
    planted = random.sample(facts(language), len(places))
    for at, fact in zip(places, planted, strict=True):
        texts[at:at] = [(fact, number) for number in range(len(fact.said))]
    return _written(texts, shape, random)


class _Talk:
    """What people say when they say nothing that is asked for."""

    def __init__(self, language: str, shape: Shape, random: Random) -> None:
        spoken = lines(language)
        self._lengths = shape.lengths
        self._random = random
        self._lines = [one.text for one in (*spoken.neutral, *spoken.asks, *spoken.replies)]
        planted = [
            text for fact in facts(language) for text in (fact.ask, *(s.text for s in fact.said))
        ]
        self._words = self._vocabulary([*self._lines, *planted])
        shares = (1 / rank**ZIPF for rank in range(1, len(self._words) + 1))
        self._shares = list(accumulate(shares))

    def _vocabulary(self, texts: Sequence[str]) -> list[str]:
        """Commonest first: the words of many of `texts`, then the others among invented ones."""
        held = Counter(word for text in texts for word in set(words_of(text)))
        common = [word for word, count in held.most_common() if count >= COMMON_TEXTS_MIN]
        invented = ("".join(self._random.choices(_SYLLABLES, k=3)) for _ in range(INVENTED_WORDS))
        seldom = sorted({*held, *invented} - {*common})
        self._random.shuffle(seldom)
        return common + seldom

    def texts(self, count: int) -> list[str]:
        return [self._text() for _ in range(count)]

    def _text(self) -> str:
        if self._random.random() < LINES_SHARE:
            return self._random.choice(self._lines)
        length = self._random.choice(self._lengths)
        return " ".join(self._random.choices(self._words, cum_weights=self._shares, k=length))


def _written(texts: list[str | tuple[Fact, int]], shape: Shape, random: Random) -> AskedChat:
    """Who says it and when; an exchange is not torn apart by a pause of hours."""
    people, at = _NAMES[: shape.people], datetime(2024, 3, 1, 8, tzinfo=UTC)
    messages: list[Message] = []
    evidence: dict[Fact, set[int]] = {}
    left = random.randint(*shape.burst)
    for number, each in enumerate(texts, start=1):
        at += timedelta(seconds=random.randint(*shape.pause_s))
        text = each if isinstance(each, str) else each[0].said[each[1]].text
        if left <= 0 and (isinstance(each, str) or each[1] == 0):
            at += timedelta(hours=random.choice((1, 2, 4, 9, 14, 30)))
            left = random.randint(*shape.burst)
        left -= 1
        if not isinstance(each, str) and each[0].said[each[1]].is_answer:
            evidence.setdefault(each[0], set()).add(number)
        messages.append(Message(number, at, random.choice(people), text))
    questions = [Question(f.ask, frozenset(numbers), f.part) for f, numbers in evidence.items()]
    return AskedChat(messages, questions)
