"""The next revision of a chat: a newer or other export of it, or two names made one. Pure
computation on what is stored and what was uploaded."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import orjson

from app.chats.alignment import Changes, merge
from app.chats.archive import TooLarge
from app.chats.blocks import ChatMeta, decode_block, encode_chat, time_zone_of
from app.chats.exchange import ReadingOrder, Revision
from app.chats.message import Message
from app.chats.names import clean_title
from app.chats.reading import (
    MEMBERSHIP_MAX,
    describe,
    membership_of,
    read_file,
    title_of,
)
from app.chats.renames import Renamed, under_one_name

MESSAGES_MAX = 2_000_000
"""A chat does not grow beyond this."""


def revise(
    raw: bytes, order: ReadingOrder, meta: ChatMeta, blocks: Sequence[bytes], *, bytes_max: int
) -> Revision:
    """The chat with what an export adds to it, each person under the name of the later one; wall
    times are of the chat's own zone if the order names none.

    Raises what `read_chat` raises, OtherChat and TooLarge.
    """
    if not order.timezone:
        order = replace(order, timezone=time_zone_of(blocks[0]))
    parsed = read_file(raw, order, bytes_max=bytes_max)
    del raw
    named = under_one_name(_messages(blocks), parsed.messages, meta.joined)
    merged = merge(named.old, named.new)
    changes = replace(merged.changes, renamed=named.names)
    if len(merged.messages) > MESSAGES_MAX:
        raise TooLarge("The chat would hold too many messages.", messages_max=MESSAGES_MAX)
    if not changes.added and not changes.changed and not named.is_stored:
        return Revision(None, changes)
    membership = _union(meta.membership, membership_of(parsed), named)
    title = _title(meta, parsed.title, named)
    described = describe(merged.messages, title, asdict(parsed.report), membership)
    kept = replace(described, joined=named.joined, is_renamed=meta.is_renamed)
    return Revision(encode_chat(kept, merged.messages), changes)


def join(names: Mapping[str, str], meta: ChatMeta, blocks: Sequence[bytes]) -> Revision:
    """The chat with all that was written under the names that are keys written by the people
    they map to, now and in the exports to come."""
    joined = {name: names.get(into, into) for name, into in meta.joined.items()} | dict(names)
    old = _messages(blocks)
    messages = [m._replace(author=names.get(m.author, m.author)) for m in old]
    changed = sum(m.author in names for m in old)
    described = describe(messages, meta.title, meta.report, meta.membership)
    kept = replace(described, joined=joined, is_renamed=meta.is_renamed)
    changes = Changes(added=0, changed=changed, known=len(old) - changed, kept=0)
    return Revision(encode_chat(kept, messages), changes)


def _messages(blocks: Sequence[bytes]) -> list[Message]:
    return [message for block in blocks for message in decode_block(block)]


def _title(meta: ChatMeta, told: str | None, named: Renamed) -> str:
    """The user's own, that of the export, or the one before; where that names a person, by the
    name which they have now."""
    if meta.is_renamed:
        return meta.title
    if told and (cleaned := clean_title(told)):
        return cleaned
    names: list[str] = [participant["name"] for participant in meta.participants]
    if not named.is_stored:
        return meta.title
    if meta.title == title_of(None, "", names):
        return title_of(None, "", [named.names.get(name, name) for name in names])
    return clean_title(named.names.get(meta.title, meta.title))


def _union(
    old: list[dict[str, Any]], new: list[dict[str, Any]], named: Renamed
) -> list[dict[str, Any]]:
    if named.is_stored:
        old = _by(old, named)
    else:
        new = _by(new, named)
    events = [*old, *new]
    seen = {orjson.dumps(event, option=orjson.OPT_SORT_KEYS): event for event in events}
    return sorted(seen.values(), key=lambda event: str(event["at"]))[:MEMBERSHIP_MAX]


def _by(events: list[dict[str, Any]], named: Renamed) -> list[dict[str, Any]]:
    return [
        event | {"people": [named.names.get(name, name) for name in event["people"]]}
        for event in events
    ]
