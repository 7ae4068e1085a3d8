"""What the six insights of one unlock are written from: passages and measured facts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import orjson
from pydantic import TypeAdapter

from app.catalog.categories import Category, InsightSpec
from app.chats.message import Message
from app.chats.retrieval import ChatIndex, Chunk, build_index, select_context, whole_chat
from app.generation.offline.measures.facts import Facts, measure
from app.generation.offline.measures.transcript import (
    AnnotatedTranscript,
    annotate,
    words_of_messages,
)

WORDS_MAX = 1500
SAMPLE_WORDS = 300
TEXT_MAX = 1200
SIGNAL_PHRASES_MAX = 80


@dataclass(frozen=True, slots=True)
class Participant:
    """A person and how many messages they wrote."""

    name: str
    messages: int


@dataclass(frozen=True, slots=True)
class Row:
    """A message as a model sees it; a very long text is cut."""

    number: int
    at: datetime
    author: str
    text: str


@dataclass(frozen=True, slots=True)
class InsightContext:
    """Passages for each insight key, in time order, and the facts of the whole chat.

    It is built once for the six insights and kept, encrypted, by the caller.
    """

    category: str
    message_count: int
    participants: tuple[Participant, ...]
    """Those who write most; the others are counted together."""
    names: tuple[str, ...]
    """Of all who write: none of them may leave the process."""
    first_at: datetime
    last_at: datetime
    passages: dict[str, tuple[tuple[Row, ...], ...]]
    facts: Facts

    def to_bytes(self) -> bytes:
        """JSON, from which `from_bytes` makes an equal context."""
        return orjson.dumps(self)

    @staticmethod
    def from_bytes(raw: bytes) -> "InsightContext":
        """The context `to_bytes` wrote; raises pydantic's ValidationError on anything else."""
        return _adapter().validate_json(raw)


@cache
def _adapter() -> TypeAdapter[InsightContext]:
    return TypeAdapter(InsightContext)


def build_context(messages: Sequence[Message], category: Category) -> InsightContext:
    """The context of a chat of at least one message; a second of CPU for 40,000 messages.

    Raises ValueError without a message.
    """
    if not messages:
        raise ValueError("a chat without messages has no context")
    words = words_of_messages(messages)
    transcript = annotate(messages, words)
    facts = measure(transcript)
    return InsightContext(
        category=category.key,
        message_count=len(messages),
        participants=tuple(Participant(each.name, each.messages) for each in facts.people),
        names=tuple(dict.fromkeys(message.author for message in messages)),
        first_at=messages[0].at,
        last_at=messages[-1].at,
        passages=_passages(messages, words, category, transcript),
        facts=facts,
    )


def _passages(
    messages: Sequence[Message],
    words: list[list[str]],
    category: Category,
    transcript: AnnotatedTranscript,
) -> dict[str, tuple[tuple[Row, ...], ...]]:
    """What each insight is written from: of a small chat everything, else what it asks for."""
    whole = whole_chat(messages, words, words_max=WORDS_MAX)
    if whole is not None:
        rows = _rows(whole)
        return {spec.key: rows for spec in category.insights}
    index = build_index(messages, tokens=words)
    return {spec.key: _rows(_found(index, spec, transcript)) for spec in category.insights}


def _found(index: ChatIndex, spec: InsightSpec, transcript: AnnotatedTranscript) -> list[Chunk]:
    """What the insight's queries find, and its signals in the languages of the chat."""
    phrases = transcript.lexicon.phrases
    spoken = [" ".join(phrases[signal][:SIGNAL_PHRASES_MAX]) for signal in spec.signals]
    return select_context(
        index,
        [*spec.queries, *(query for query in spoken if query)],
        words_max=WORDS_MAX,
        sample_words=SAMPLE_WORDS,
    )


def _rows(chunks: Sequence[Chunk]) -> tuple[tuple[Row, ...], ...]:
    return tuple(
        tuple(
            Row(each.number, each.at, each.author, each.text[:TEXT_MAX]) for each in chunk.messages
        )
        for chunk in chunks
    )
