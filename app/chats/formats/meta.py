"""Instagram's and Messenger's `message_1.json`, of "Download your information" and of encrypted
chats; the parts of a long chat may follow one another."""

import re
from datetime import datetime
from functools import partial
from typing import Any

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import arrays, field_of, json_head, plain_json
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_DOWNLOADED = re.compile(rb'"sender_name"\s*:')
_ENCRYPTED = re.compile(rb'"senderName"\s*:')
_PARTICIPANTS = re.compile(rb'"participants"\s*:\s*\[')
_MEDIA = ("photos", "videos", "audio_files", "gifs", "files", "sticker", "media")
_TEXT_TYPES = frozenset({"Generic", "Share", "Call", "Payment", "text", "media", "link"})
# These two are written as messages, though nobody typed them.
_REACTION = re.compile(r"(?:Reacted .{1,16} to your message|Liked a message) ?")


def _recognises(head: bytes) -> bool:
    head = json_head(head)
    return (
        head.startswith(b"{")
        and _PARTICIPANTS.search(head) is not None
        and (_DOWNLOADED.search(head) is not None or _ENCRYPTED.search(head) is not None)
    )


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    raw = plain_json(raw)
    is_encrypted = _DOWNLOADED.search(raw) is None
    assembly = Assembly("meta-encrypted-json" if is_encrypted else "meta-json", "meta")
    read = partial(_read_encrypted if is_encrypted else _read_downloaded, options)
    told = field_of(raw, "title")
    for head, elements in arrays(raw, "messages"):
        told = told or field_of(head, "threadName")
        assembly.read_elements(elements, read)
        assembly.take_unread(elements)
    assembly.title = repaired(told) if isinstance(told, str) else None
    return assembly.transcript()


def repaired(text: str) -> str:
    """`text` with its characters put together again: the export writes each byte of UTF-8 as a
    character of its own. What is no such text stays as it is."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _read_downloaded(options: ReadingOptions, chat: Assembly, told: Any) -> None:
    at = datetime.fromtimestamp(told["timestamp_ms"] / 1000, options.tz).replace(microsecond=0)
    name = told["sender_name"]
    author = chat.author(name, repaired(name))
    text = repaired(told.get("content", ""))
    kind = told.get("type", "Generic")
    if told.get("is_unsent"):
        chat.say(at, author, "", MessageKind.DELETED)
    elif kind in ("Subscribe", "Unsubscribe"):
        people = [repaired(user["name"]) for user in told.get("users", ())]
        joined = kind == "Subscribe"
        chat.note(at, NoticeKind.JOINED if joined else NoticeKind.LEFT, text, people or [author])
    elif "call_duration" in told or kind == "Call":
        chat.say(at, author, "", MessageKind.CALL)
    elif kind not in _TEXT_TYPES:
        chat.note(at, NoticeKind.UNKNOWN, f"{kind}: {text}")
    elif _REACTION.fullmatch(text):
        chat.note(at, NoticeKind.SETTING, f"{author}: {text}")
    elif "share" in told:
        link = told["share"].get("link") or ""
        chat.say(at, author, link if not link or link in text else f"{text}\n{link}".strip())
    elif any(name in told for name in _MEDIA):
        chat.say(at, author, text, MessageKind.MEDIA)
    else:
        chat.say(at, author, text)


def _read_encrypted(options: ReadingOptions, chat: Assembly, told: Any) -> None:
    at = datetime.fromtimestamp(told["timestamp"] / 1000, options.tz).replace(microsecond=0)
    author, text = chat.author(told["senderName"]), told.get("text") or ""
    if told.get("isUnsent"):
        chat.say(at, author, "", MessageKind.DELETED)
    elif told.get("type", "text") not in _TEXT_TYPES:
        chat.note(at, NoticeKind.UNKNOWN, f"{told['type']}: {text}")
    else:
        chat.say(at, author, text, MessageKind.MEDIA if told.get("media") else MessageKind.TEXT)


META = Format("meta", "Instagram and Messenger (message_1.json)", _recognises, _read)
