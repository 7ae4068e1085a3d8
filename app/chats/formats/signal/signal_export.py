"""signal-export's files of a chat of Signal Desktop: `data.json`, JSON Lines, and `chat.md`."""

import re
from datetime import datetime
from typing import Any

from app.chats.formats.assembly import ME, Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import elements_of_lines, plain_json
from app.chats.formats.lines import Entry, Grammar, Words, read_lines, text_of
from app.chats.formats.text import head_text
from app.chats.formats.times import IsoTimes
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_FIELDS = frozenset({"date", "sender", "body", "quote", "attachments"})
_NO_SENDER = "No-Sender"
_CALL = re.compile(r"(?:(?:Incoming|Outgoing|Missed)(?: voice| video)? call)(?: \(.{1,60}\))?")
_HEADER = re.compile(
    r"\n(?<![^\n]\n)\[(?P<at>\d{4}-\d{2}-\d{2},? \d{2}:\d{2}(?::\d{2})?)\] "
    r"(?P<who>[^:\n]{1,255}): ?"
)
_HEAD_LINES = 200
_REACTIONS = re.compile(r"\n\(- [^\n]{1,2000} -\)")
_STICKER = re.compile(r"\n?\(\( .{0,100} \)\)|\[[^\]\n]{0,100}\]\(\.\./[^)\n]{1,300}\)")
_ATTACHMENT = re.compile(r"!?\[[^\]\n]{0,300}\]\(\.?/?media/[^)\n]{0,400}\)")
_LAST_QUOTED = re.compile(r"\n(?!> )")
_DELETED = "(This message was deleted)"


def _recognises_json(head: bytes) -> bool:
    for _, told in elements_of_lines(plain_json(head)):
        return isinstance(told, dict) and told.keys() >= _FIELDS
    return False


def _read_json(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("signal-export-json", "signal")
    chat.lacks("time_zone")
    raw, times = plain_json(raw), IsoTimes(options.tz)
    chat.read_element_lines(
        raw, lambda chat, line, told: _read_one(chat, line, told, times.read(told["date"])[0])
    )
    return chat.transcript()


def _read_one(chat: Assembly, line: int, told: Any, at: datetime) -> None:
    text, sender = told["body"].rstrip(" "), told["sender"]
    if sender == _NO_SENDER or sender is None:
        chat.note(at, NoticeKind.UNKNOWN, text, line=line)
        return
    if sender == ME:
        chat.lacks("author")
    if told.get("deleted"):
        kind, text = MessageKind.DELETED, ""
    elif told.get("call") or ("call" in text and _CALL.fullmatch(text)):
        kind, text = MessageKind.CALL, ""
    elif told["attachments"] or told.get("sticker"):
        kind = MessageKind.MEDIA
    else:
        kind = MessageKind.TEXT
    chat.say(at, chat.names.get(sender) or chat.author(sender), text, kind)


def _recognises_markdown(head: bytes) -> bool:
    """Unlike WhatsApp's, a body ends in two spaces, and a blank line follows."""
    lines = ["  ", "", *head_text(head).rstrip("\n").split("\n", _HEAD_LINES)[:_HEAD_LINES], ""]
    headers = [number for number, line in enumerate(lines) if _HEADER.match("\n" + line)]
    parted = [n for n in headers if not lines[n - 1]]
    ended = [n for n in headers if lines[n - 2].endswith("  ")]
    is_one = len(headers) == 1 and lines[-2].endswith("  ")
    is_parted = len(headers) > 1 and len(parted) * 2 > len(headers)
    return is_one or (is_parted and len(ended) * 2 > len(headers))


def _read_markdown(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("signal-export-md", "signal")
    chat.lacks("time_zone")
    wall = IsoTimes(options.tz).wall

    def read(met: re.Match[str]) -> Entry | None:
        written, who = met.groups()
        at = wall(written)
        return at and (at, None if who == _NO_SENDER else who, 0)

    read_lines(chat, text_of(chat, raw), Grammar(_HEADER, read, _words, _notice, ": "))
    if ME in chat.names:
        chat.lacks("author")
    return chat.transcript()


def _words(text: str) -> Words | str:
    if "\n" in text:
        text = _unquoted(_REACTIONS.sub("", text))
    text = text.rstrip()
    if text == _DELETED:
        return Words("", MessageKind.DELETED)
    if "call" in text and _CALL.fullmatch(text):
        return Words("", MessageKind.CALL)
    if "](" not in text and "((" not in text:
        return text.strip()
    bare = _STICKER.sub("", _ATTACHMENT.sub("", text)).strip()
    return Words(bare, MessageKind.TEXT if bare == text.strip() else MessageKind.MEDIA)


def _unquoted(text: str) -> str:
    """`text` without what it answers, which stands above it in lines that begin with ">"."""
    bare = text.lstrip()
    if not bare.startswith("> "):
        return text
    end = _LAST_QUOTED.search(bare)
    return bare[end.end() :] if end else ""


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    return NoticeKind.UNKNOWN, ()


SIGNAL_EXPORT_JSON = Format(
    "signal-export-json", "Signal (signal-export's data.json)", _recognises_json, _read_json
)
SIGNAL_EXPORT_MD = Format(
    "signal-export-md", "Signal (signal-export's chat.md)", _recognises_markdown, _read_markdown
)
