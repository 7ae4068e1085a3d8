"""Preparing a chat: everything that any insight needs of its messages, computed once.

The queries of the catalog are known beforehand, so what is kept is what they find and not an
index: a job opens a few dozen kilobytes, however long its chat is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.catalog.categories import CATEGORIES, Category, InsightSpec
from app.catalog.content import (
    NOTHING_FOUND,
    EvidenceMissing,
    NothingToSay,
    checked_evidence,
)
from app.catalog.fit import Fit, Measures, fit_of
from app.chats.message import Message
from app.chats.substance import Substance, substance_of
from app.generation.context import (
    InsightContext,
    Part,
    encoded_disclosure,
    encoded_insights,
)
from app.generation.model.disclosure import Group, disclose, group_of
from app.generation.offline.language import Language
from app.generation.offline.measures.facts import measure
from app.generation.offline.measures.lexicon import Lexicon
from app.generation.offline.measures.transcript import annotate, words_of_messages
from app.generation.offline.writers import Written, language_of, write
from app.generation.retrieval import ChatIndex, build_index, select_context, whole_chat

WORDS_MAX = 1500
"""Of the messages that are shown for one insight."""
SAMPLE_WORDS = 300
SIGNAL_PHRASES_MAX = 80

Unwritten = dict[str, str]
"""Offline insights that could not be written: `category/key`, and the kind of error."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The parts of a chat, by (category, part); without the insights that failed."""

    parts: Mapping[tuple[str, Part], bytes] = field(repr=False)
    unwritten: Unwritten
    substance: Substance


def prepare(messages: Sequence[Message]) -> Prepared:
    """What every category needs; about 50 microseconds of CPU a message.

    Raises ValueError without a message.
    """
    chat = _Chat.of(messages)
    parts: dict[tuple[str, Part], bytes] = {}
    unwritten: Unwritten = {}
    for category in CATEGORIES.values():
        for part, encoded in _parts(chat, category, unwritten).items():
            parts[category.key, part] = encoded
    return Prepared(parts, unwritten, chat.substance)


def build_context(messages: Sequence[Message], category: Category) -> InsightContext:
    """The context of one category, which a job would open. Raises ValueError without a message."""
    return InsightContext(len(messages), _parts(_Chat.of(messages), category, {}))


def build_contexts(
    messages: Sequence[Message], *, language: str | None = None
) -> dict[str, InsightContext]:
    """The contexts of all categories, by their keys; in the chat's language if `language` is None.

    Raises ValueError without a message.
    """
    chat = _Chat.of(messages, language=language)
    return {
        category.key: InsightContext(len(messages), _parts(chat, category, {}))
        for category in CATEGORIES.values()
    }


@dataclass(frozen=True, slots=True)
class _Chat:
    """What the categories share; `index` is None where the whole chat is shown."""

    messages: Sequence[Message]
    substance: Substance
    group: Group
    lexicon: Lexicon
    language: Language
    index: ChatIndex | None

    @classmethod
    def of(cls, messages: Sequence[Message], *, language: str | None = None) -> "_Chat":
        if not messages:
            raise ValueError("a chat without messages cannot be prepared")
        words = words_of_messages(messages)
        transcript = annotate(messages, words)
        facts = measure(transcript)
        is_small = whole_chat(messages, words, words_max=WORDS_MAX)
        return cls(
            messages,
            substance_of(messages),
            group_of(messages, facts),
            transcript.lexicon,
            language_of(facts) if language is None else Language(language),
            None if is_small else build_index(messages, tokens=words),
        )


def _parts(chat: _Chat, category: Category, unwritten: Unwritten) -> dict[Part, bytes]:
    written = _insights(chat, category, unwritten)
    metrics = {key: one.metrics for key, one in written.items()}
    disclosure = disclose(chat.group, _shown(chat, category), metrics)
    contents = {key: one.content for key, one in written.items()}
    return {
        Part.INSIGHTS: encoded_insights(contents),
        Part.DISCLOSURE: encoded_disclosure(disclosure),
    }


def _insights(chat: _Chat, category: Category, unwritten: Unwritten) -> dict[str, Written]:
    """The insights of the offline analysis, empty where it finds nothing; one that fails is left
    out and noted."""
    held, facts = chat.substance, chat.group.facts
    fit, short = fit_of(category.key, Measures(held.worded, held.voices, held.days))
    if fit is Fit.NONE and short is not None:
        nothing = NothingToSay(code=short.code, text=short.text)
        return {spec.key: Written({}, nothing) for spec in category.insights}
    insights: dict[str, Written] = {}
    for spec in category.insights:
        try:
            written = write(category.key, spec.key, facts, chat.language)
            insights[spec.key] = _checked(written, message_count=len(chat.messages))
        except Exception as error:  # noqa: BLE001 (what it says may quote the chat)
            unwritten[f"{category.key}/{spec.key}"] = type(error).__qualname__
    return insights


def _checked(written: Written, *, message_count: int) -> Written:
    """With evidence that there is; empty if none is left."""
    if isinstance(written.content, NothingToSay):
        return written
    try:
        content = checked_evidence(written.content, message_count=message_count)
    except EvidenceMissing:
        return Written(written.metrics, NOTHING_FOUND)
    return Written(written.metrics, content)


def _shown(chat: _Chat, category: Category) -> Sequence[Message]:
    """The messages that any insight of the category asks for, once each, in order."""
    if chat.index is None:
        return chat.messages
    found = {
        message.number: message
        for spec in category.insights
        for chunk in select_context(
            chat.index,
            _queries(spec, chat.lexicon),
            words_max=WORDS_MAX,
            sample_words=SAMPLE_WORDS,
        )
        for message in chunk.messages
    }
    return [found[number] for number in sorted(found)]


def _queries(spec: InsightSpec, lexicon: Lexicon) -> list[str]:
    """What the insight asks for, and its signals in the languages of the chat."""
    spoken = (" ".join(lexicon.phrases[signal][:SIGNAL_PHRASES_MAX]) for signal in spec.signals)
    return [*spec.queries, *(query for query in spoken if query)]
