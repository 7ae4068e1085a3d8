"""DiscordChatExporter's JSON: one channel or direct chat a file."""

import re
from datetime import datetime
from functools import partial
from typing import Any

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import arrays, field_of, json_head, plain_json
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_MARKS = (re.compile(rb'"guild"\s*:\s*\{'), re.compile(rb'"channel"\s*:\s*\{'))
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
    raw = plain_json(raw)
    assembly = Assembly("discord-chat-exporter", "discord")
    for head, elements in arrays(raw, "messages"):
        channel = _CHANNEL.search(head)
        title = field_of(head[channel.end() :], "name") if channel else None
        assembly.title = assembly.title or (str(title) if title else None)
        assembly.read_elements(elements, partial(_read_one, options))
        assembly.take_unread(elements)
    return assembly.transcript()


def _read_one(options: ReadingOptions, chat: Assembly, told: Any) -> None:
    at = datetime.fromisoformat(told["timestamp"])
    at = at.replace(tzinfo=options.tz) if at.tzinfo is None else at.astimezone(options.tz)
    at = at.replace(microsecond=0)
    person = told["author"]
    author = chat.author(person["id"], person.get("nickname") or person["name"])
    kind, text = told["type"], told["content"]
    if kind in _WRITTEN:
        is_media = (
            told.get("attachments") or told.get("stickers") or (not text and told.get("embeds"))
        )
        chat.say(
            at, author, text, MessageKind.MEDIA if is_media else MessageKind.TEXT,
            told.get("timestampEdited") is not None,
        )  # fmt: skip
    elif kind == "Call":
        chat.say(at, author, "", MessageKind.CALL)
    else:
        mentioned = [chat.author(p["id"], p["name"]) for p in told.get("mentions", ())]
        chat.note(at, _event(kind), f"{author}: {text}", _moved(kind, author, mentioned))


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
