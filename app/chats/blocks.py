"""The bytes of a chat before they are sealed: columns of messages in JSON, and a description."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from app.chats.message import Message, MessageKind
from app.chats.substance import Substance, substance_of

MESSAGES_PER_BLOCK = 500

_KINDS = tuple(MessageKind)
_KIND_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}


@dataclass(frozen=True, slots=True)
class ChatMeta:
    """What is known of a chat beside its messages; `statistics` and `report` as JSON objects.

    `membership` tells who joined and left: `{at, kind, people}`; older chats have none. `joined`
    maps a name in the files to the participant who wrote under it; `is_renamed`: the title is the
    user's own.
    """

    title: str
    participants: list[dict[str, Any]]
    statistics: dict[str, Any]
    report: dict[str, Any]
    membership: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    joined: dict[str, str] = field(default_factory=dict[str, str])
    is_renamed: bool = False


@dataclass(frozen=True, slots=True)
class EncodedChat:
    """A chat in the bytes that are sealed: `meta`, and blocks of MESSAGES_PER_BLOCK messages."""

    meta: bytes
    blocks: tuple[bytes, ...]
    message_count: int
    first_at: datetime
    last_at: datetime
    substance: Substance


def encode_chat(meta: ChatMeta, messages: Sequence[Message]) -> EncodedChat:
    """The plain bytes of a chat of at least one message; about two microseconds a message."""
    return EncodedChat(
        meta=orjson.dumps(meta),
        blocks=tuple(
            encode_block(messages[start : start + MESSAGES_PER_BLOCK])
            for start in range(0, len(messages), MESSAGES_PER_BLOCK)
        ),
        message_count=len(messages),
        first_at=min(message.at for message in messages).astimezone(UTC),
        last_at=max(message.at for message in messages).astimezone(UTC),
        substance=substance_of(messages),
    )


def encode_block(messages: Sequence[Message]) -> bytes:
    """Messages as columns in JSON: the same ones always make the same bytes."""
    authors = {name: n for n, name in enumerate(dict.fromkeys(m.author for m in messages))}
    return orjson.dumps(
        {
            "first": messages[0].number,
            "tz": _tz_name(messages[0].at),
            "at": [int(m.at.timestamp()) for m in messages],
            "authors": list(authors),
            "author": [authors[m.author] for m in messages],
            "kind": [_KIND_NUMBERS[m.kind] for m in messages],
            "edited": [n for n, m in enumerate(messages) if m.edited],
            "text": [m.text for m in messages],
        }
    )


def decode_block(encoded: bytes) -> list[Message]:
    """What `encode_block` was given."""
    block = orjson.loads(encoded)
    tz, authors, edited = ZoneInfo(block["tz"]), block["authors"], set(block["edited"])
    columns = zip(block["at"], block["author"], block["text"], block["kind"], strict=True)
    return [
        Message(
            block["first"] + n,
            datetime.fromtimestamp(at, tz),
            authors[author],
            body,
            _KINDS[kind],
            n in edited,
        )
        for n, (at, author, body, kind) in enumerate(columns)
    ]


def time_zone_of(encoded: bytes) -> str:
    """The name of the zone in which the times of a block are shown."""
    return orjson.loads(encoded)["tz"]


def _tz_name(at: datetime) -> str:
    tz = at.tzinfo
    return tz.key if isinstance(tz, ZoneInfo) else "UTC"
