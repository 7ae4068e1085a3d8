"""What a model may be shown of a chat: the messages that speak to six questions, redacted."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from app.catalog.content import Metric
from app.chats.message import Message
from app.chats.names import printable
from app.generation.context import Disclosure
from app.generation.model.redaction import Redactor, mentioned, visible
from app.generation.model.redaction_split import redact_in_order
from app.generation.offline.measures.facts import Facts
from app.generation.offline.measures.transcript import EVERYONE_ELSE

TEXT_MAX = 1200
"""Characters of a message; a longer one is cut."""
SEARCHED_MAX = 2 * TEXT_MAX
"""Characters of a message that are redacted: a secret that the cut divides is found whole."""
DIVIDED_MAX = 120
"""What ends where the search does may be half a secret; so much of it is not shown, which counts
where long links and keys before it have become short placeholders."""
PEOPLE_TOLD_MAX = 60

_OURS = frozenset({"generator", "language"})
"""Metrics that describe how the offline analysis wrote, not the chat."""
_HALF_PLACEHOLDER = re.compile(r"\[[A-Z_]*\d*$")
_PLACEHOLDER = re.compile(r"\[[A-Z]+_\d+\]")
_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Group:
    """Whose chat it is, the same for every category."""

    facts: Facts
    names: tuple[str, ...]
    """Of all who write: none of them may leave the process."""
    span: str
    """Its first and its last day, in words."""


def group_of(messages: Sequence[Message], facts: Facts) -> Group:
    """The people and the time of a chat of at least one message."""
    return Group(
        facts,
        names=tuple(dict.fromkeys(message.author for message in messages)),
        span=f"{messages[0].at.date()} to {messages[-1].at.date()}",
    )


def disclose(
    group: Group, shown: Sequence[Message], measured: Mapping[str, Mapping[str, Metric]]
) -> Disclosure:
    """The messages `shown`, in order, and what was measured for each insight, redacted."""
    spoken = [(message.author, message.text[:SEARCHED_MAX]) for message in shown]
    redactor = _redactor(group, spoken)
    metrics = {
        key: {name: value for name, value in metrics.items() if name not in _OURS}
        for key, metrics in measured.items()
    }
    preface = [
        *_people_told(group, redactor),
        "",
        "Measured over the whole chat:",
        *_measured(metrics, group, redactor),
    ]
    # Without its zone a time is written three times as fast.
    times = [message.at.replace(tzinfo=None).isoformat(" ", "minutes") for message in shown]
    return Disclosure(
        preface=preface,
        numbers=[message.number for message in shown],
        heads=[
            f"#{message.number} {at} {redactor.alias(message.author)}: "
            for message, at in zip(shown, times, strict=True)
        ],
        texts=[
            _one_line(_cut(visible(text), is_searched_whole=len(message.text) <= SEARCHED_MAX))
            for message, text in zip(shown, redact_in_order(redactor, spoken), strict=True)
        ],
        originals=redactor.originals,
        metrics=metrics,
    )


def _redactor(group: Group, spoken: Sequence[tuple[str, str]]) -> Redactor:
    """Knows who is told of, who wrote a message shown, and who of a big group is mentioned."""
    people = set(group.names)
    told = [one.name for one in group.facts.people[:PEOPLE_TOLD_MAX] if one.name in people]
    authors = dict.fromkeys([*told, *(author for author, _ in spoken)])
    silent = [name for name in group.names if name not in authors]
    return Redactor([*authors, *mentioned(silent, (text for _, text in spoken))])


def _people_told(group: Group, redactor: Redactor) -> Iterable[str]:
    told = ", ".join(
        f"{_alias(person.name, redactor)}: {person.messages} messages"
        for person in group.facts.people[:PEOPLE_TOLD_MAX]
    )
    yield f"People: {told}."
    yield f"The whole chat: {group.facts.messages} messages, {group.span}."


def _measured(
    metrics: Mapping[str, Mapping[str, Metric]], group: Group, redactor: Redactor
) -> Iterable[str]:
    aliases = {printable(one.name): _alias(one.name, redactor) for one in group.facts.people}
    for key, measured in metrics.items():
        told = "; ".join(
            f"{name} = {_told(value, aliases, redactor)}" for name, value in measured.items()
        )
        yield f"{key}: {told}"


def _alias(name: str, redactor: Redactor) -> str:
    return name if name == EVERYONE_ELSE else redactor.alias(name)


def _told(value: Metric, aliases: Mapping[str, str], redactor: Redactor) -> str:
    match value:
        case dict():
            pairs = cast("dict[str, Metric]", value).items()
            told = (
                f"{aliases.get(name) or _line(name, redactor)} {_told(each, aliases, redactor)}"
                for name, each in pairs
            )
            return ", ".join(told) or "none"
        case list():
            return ", ".join(_told(each, aliases, redactor) for each in value) or "none"
        case str():
            return aliases.get(value) or _line(value, redactor)
        case None:
            return "unknown"
        case _:
            return str(value)


def _line(text: str, redactor: Redactor) -> str:
    return _one_line(visible(redactor.redact(text)))


def _cut(text: str, *, is_searched_whole: bool) -> str:
    """At most TEXT_MAX characters of a redacted text, no placeholder nor secret cut in two."""
    end = TEXT_MAX
    if not is_searched_whole:
        placeholders = list(_PLACEHOLDER.finditer(text))
        found_to = placeholders[-1].end() if placeholders else 0
        end = min(end, max(len(text) - DIVIDED_MAX, found_to))
    return text if len(text) <= end else _HALF_PLACEHOLDER.sub("", text[:end])


def _one_line(text: str) -> str:
    """One line: no message can contain what looks like another message."""
    return text if text.isprintable() else _BREAKS.sub(" ⏎ ", text)
