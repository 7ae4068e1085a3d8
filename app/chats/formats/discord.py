"""DiscordChatExporter's JSON: one channel or direct chat a file."""

import re
from datetime import datetime
from typing import Any

from app.chats.formats.assembly import OTHER_FORM, Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import arrays, field_of, json_head, plain_json
from app.chats.formats.times import IsoTimes
from app.chats.message import MessageKind, make_message
from app.chats.transcript import NoticeKind, Transcript

_MARKS = (re.compile(rb'"guild"\s*:\s*\{'), re.compile(rb'"channel"\s*:\s*\{'))
_GREENWICH = "+00:00"
_CHANNEL = re.compile(rb'"channel"\s*:\s*\{')
_WRITTEN = frozenset({"Default", "Reply", "ChatInputCommand", "ContextMenuCommand", "20", "23"})
_JOINS = frozenset({"RecipientAdd", "GuildMemberJoin"})
_LEAVES = frozenset({"RecipientRemove"})
_SETTINGS = frozenset(
    {"ChannelNameChange", "ChannelIconChange", "ChannelPinnedMessage", "ThreadCreated"}
)


def _recognises(head: bytes) -> bool:
    head = json_head(head)
    return head.startswith(b"{") and all(mark.search(head) for mark in _MARKS)


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    raw, times = plain_json(raw), IsoTimes(options.tz)
    assembly = Assembly("discord-chat-exporter", "discord")
    for head, elements in arrays(raw, "messages"):
        channel = _CHANNEL.search(head)
        title = field_of(head[channel.end() :], "name") if channel else None
        assembly.title = assembly.title or (str(title) if title else None)
        for batch in elements:
            _read_batch(times, assembly, batch)
        assembly.take_unread(elements)
    return assembly.transcript()


def _read_batch(times: IsoTimes, chat: Assembly, batch: list[Any]) -> None:
    # The hot loop of an import.
    say, names = chat.say, chat.names
    begins, steps = times.begins, times.steps
    messages, text_kind, make = chat.messages, MessageKind.TEXT, make_message
    for told in batch:
        try:
            written = told["timestamp"]
            if written[-6:] == _GREENWICH:
                at = begins[written[:10]] + steps[written[11:19]]
            else:
                at, _ = times.read(written)
            person = told["author"]
            key = person["id"]
            author = names.get(key) or chat.author(key, person.get("nickname") or person["name"])
            text = told["content"] or _forwarded(told)
            if told["type"] not in _WRITTEN:
                _read_event(chat, at, author, told)
                continue
            edited = told.get("timestampEdited") is not None
            if told.get("attachments") or told.get("stickers") or (not text and told.get("embeds")):
                say(at, author, text, MessageKind.MEDIA, edited)
            elif text and text.__class__ is str:
                messages.append(make((len(messages) + 1, at, author, text, text_kind, edited)))
            else:
                say(at, author, text, _kind_without_text(told), edited)
        except OTHER_FORM:
            chat.leave_out_element(told)


def _forwarded(told: Any) -> Any:
    """The text of a message that was forwarded and has none of its own."""
    forwarded = told.get("forwardedMessage")
    return forwarded["content"] if forwarded else told["content"]


def _kind_without_text(told: Any) -> MessageKind:
    forwarded: Any = told.get("forwardedMessage")
    is_medium = forwarded and any(map(forwarded.get, ("attachments", "stickers", "embeds")))
    return MessageKind.MEDIA if is_medium else MessageKind.TEXT


def _read_event(chat: Assembly, at: datetime, author: str, told: Any) -> None:
    kind = told["type"]
    if kind == "Call":
        chat.say(at, author, "", MessageKind.CALL)
    else:
        mentioned = [chat.author(p["id"], p["name"]) for p in told.get("mentions") or ()]
        moved = _moved(kind, author, mentioned)
        chat.note(at, _event(kind), f"{author}: {told['content']}", moved)


def _event(kind: str) -> NoticeKind:
    if kind in _JOINS:
        return NoticeKind.JOINED
    if kind in _LEAVES:
        return NoticeKind.LEFT
    return NoticeKind.SETTING if kind in _SETTINGS else NoticeKind.UNKNOWN


def _moved(kind: str, author: str, mentioned: list[str]) -> list[str]:
    if kind in _JOINS | _LEAVES:
        return mentioned or [author]
    return []


DISCORD = Format("discord", "Discord (DiscordChatExporter's JSON)", _recognises, _read)
