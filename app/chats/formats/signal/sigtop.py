"""sigtop's files of a chat of Signal Desktop: JSON, and text, in full or short."""

import re
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import Any

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import Elements, json_head, plain_json
from app.chats.formats.lines import MONTHS, Entry, Grammar, Words, read_lines, text_of
from app.chats.formats.tables import known_events
from app.chats.formats.text import head_text
from app.chats.formats.times import (
    Instants,
    IsoTimes,
    Remembered,
    begin_at,
    day_of,
    iso_clock,
)
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_YOU = "You"
_JSON_MARKS = (
    re.compile(rb'"conversationId"\s*:'),
    re.compile(rb'"(?:sent_at|received_at)"\s*:'),
    re.compile(rb'"type"\s*:\s*"(?:incoming|outgoing|call-history|group-v2-change|keychange)"'),
)
_SHORT = re.compile(r"\n(?P<at>\d{4}-\d{2}-\d{2} \d{2}:\d{2}) (?!-)(?P<who>[^:\n]{1,255}):")
_DETAILS = re.compile(
    r"(?s) \[(?:(?:reply to [^\]\n]{1,300} on (?:\d{4}-\d\d-\d\d \d\d:\d\d|unknown))(?:, )?)?"
    r"(?P<edited>edited(?:, )?)?(?P<attached>\d{1,4} attachments?)?\](?: (?P<text>.*))?"
)
_EVENT = re.compile(r" \[(?P<type>[\w-]{1,40}) message\]")
_FULL_HEAD = re.compile(r"Conversation: .+")
_FULL = re.compile(
    r"\n\n(?:From: (?P<who>[^\n]*)\n)?(?:"
    # Most have these fields alone, and behind a blank line their text.
    r"Type: (?:incoming|outgoing)\nSent: (?P<at>[^\n]*)(?:\nReceived: [^\n]*)?(?=\n\n|\n?\Z)"
    r"(?:\n\n(?!From: |Type: ))?"
    r"|(?=Type: (?P<kind>[\w-]{1,40})\n"
    r"(?:Sent: (?P<sent>[^\n]*)(?:\n|\Z))?(?:Received: (?P<received>[^\n]*)(?:\n|\Z))?))"
)
_FIELDS = re.compile(r"(?:(?:Type|Sent|Received|Attachment|Reaction|Edited): [^\n]*(?:\n|\Z))*+")
_WRITTEN_DAY = re.compile(
    r"[A-Z][a-z]{2}, (?P<day>\d{1,2}) (?P<month>[A-Z][a-z]{2}) (?P<year>\d{4})"
    r" (?P<offset>[+-]\d{4})"
)
_WRITTEN_CLOCK = re.compile(r"\s\d{2}:\d{2}:\d{2}")
_QUOTED = "> From: "
_LAST_QUOTED = re.compile(r"\n(?!>)")
_VERSION = re.compile(r"(?m)^\| Version: \d+\n")
_HISTORY_MARK = re.compile(r"(?m)^\| ?")
# Of "Tue, 13 Feb 2024 10:15:07 +0100".
_CLOCK_CHARS, _OFFSET_CHARS = len(" 10:15:07 +0100"), len(" +0100")
_TYPES = frozenset({"incoming", "outgoing"})
_CALL_TYPE = "call-history"
_SAID_TYPES = _TYPES | {_CALL_TYPE}
_SETTING_TYPES = known_events("signal")
_TYPE = re.compile(r"Type: (?P<full>[\w-]+)|\[(?P<short>[\w-]+) message\]")
_RECIPIENT = re.compile(r"(?P<name>.+?) \([^()]*\)")


def _recognises_json(head: bytes) -> bool:
    head = json_head(head)
    return head.startswith(b"[") and all(mark.search(head) for mark in _JSON_MARKS)


def _read_json(raw: bytes, options: ReadingOptions) -> Transcript:
    raw = plain_json(raw)
    chat = Assembly("sigtop-json", "signal")
    chat.lacks("author")  # Of others a number or an id is told, of the exporter nothing.
    elements, time_of = Elements(raw, raw.index(b"[") + 1), Instants(options.tz).milliseconds

    def read(chat: Assembly, told: Any) -> None:
        _read_one(chat, time_of(told.get("sent_at") or told["timestamp"]), told)

    chat.read_elements(elements, read)
    chat.take_unread(elements)
    return chat.transcript()


def _read_one(chat: Assembly, at: datetime, told: Any) -> None:
    kind, text = told.get("type"), told.get("body") or ""
    if kind not in _TYPES and kind != _CALL_TYPE:
        settled = NoticeKind.SETTING if kind in _SETTING_TYPES else NoticeKind.UNKNOWN
        chat.note(at, settled, f"{kind}: {text}" if text else str(kind))
        return
    author = _author(chat, told, is_own=kind == "outgoing")
    if kind == _CALL_TYPE:
        chat.say(at, author, "", MessageKind.CALL)
    elif told.get("deletedForEveryone"):
        chat.say(at, author, "", MessageKind.DELETED)
    elif (
        told.get("attachments")
        or told.get("sticker")
        or told.get("contact")
        or told.get("isViewOnce")
    ):
        chat.say(at, author, text, MessageKind.MEDIA, bool(told.get("editHistory")))
    elif poll := told.get("poll"):
        chat.say(
            at,
            author,
            "\n".join([poll["question"], *(poll.get("options") or ())]),
            MessageKind.POLL,
        )
    else:
        chat.say(at, author, text, MessageKind.TEXT, bool(told.get("editHistory")))


def _author(chat: Assembly, told: Any, *, is_own: bool) -> str:
    if is_own:
        return chat.author(_YOU)
    source = told.get("sourceServiceId") or told.get("sourceUuid") or told.get("source")
    return chat.author(source or told["conversationId"], told.get("source") or source)


def _recognises_short(head: bytes) -> bool:
    return _SHORT.match("\n" + head_text(head)) is not None


def _read_short(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("sigtop-text-short", "signal")
    chat.lacks("time_zone")
    wall = IsoTimes(options.tz).wall

    def read(met: re.Match[str]) -> Entry | None:
        written, who = met.groups()
        at = wall(written)
        return at and (at, who, 0)

    read_lines(chat, text_of(chat, raw), Grammar(_SHORT, read, _words, _notice, ": "))
    if _YOU in chat.names:
        chat.lacks("author")
    return chat.transcript()


def _words(text: str) -> Words | str:
    if not text.startswith((" [", "[")):
        return text.removeprefix(" ")
    text = f" {text.removeprefix(' ')}"
    first, _, _ = text.partition("\n")
    if event := _EVENT.fullmatch(first):
        is_call = event["type"] == _CALL_TYPE
        return Words("" if is_call else first.strip(), MessageKind.CALL if is_call else None)
    if (told := _DETAILS.fullmatch(text)) and len(first) > len(" []"):
        kind = MessageKind.MEDIA if told["attached"] else MessageKind.TEXT
        return Words(told["text"] or "", kind, bool(told["edited"]))
    return Words(text.removeprefix(" "))


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    met = _TYPE.search(text)
    is_known = met is not None and (met["full"] or met["short"]) in _SETTING_TYPES
    return (NoticeKind.SETTING if is_known else NoticeKind.UNKNOWN), ()


def _recognises_full(head: bytes) -> bool:
    lines = head_text(head).split("\n", 12)
    return _FULL_HEAD.fullmatch(lines[0]) is not None and any(
        line.startswith("Type: ") for line in lines[:12]
    )


def _read_full(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("sigtop-text", "signal")
    text = text_of(chat, raw)
    chat.title = _name(text[1:].partition("\n")[0].partition(": ")[2])

    names = Remembered(_name)
    begins, steps = Remembered[str, Any](partial(_begin, options.tz)), Remembered[str, Any](_step)

    def read(met: re.Match[str]) -> Entry | None:
        who, plain, kind, sent, received = met.groups()
        written = plain or sent or received or ""
        day, offset = written[:-_CLOCK_CHARS], written[-_OFFSET_CHARS:]
        try:
            at = begins[day + offset] + steps[written[-_CLOCK_CHARS:-_OFFSET_CHARS]]
        except TypeError:  # One of them is None.
            return None
        is_said = kind is None or kind in _SAID_TYPES
        return at, names[who] if is_said and who is not None else None, 0

    read_lines(chat, text, Grammar(_FULL, read, _full_words, _notice), preface_lines=1)
    if _YOU in chat.names:
        chat.lacks("author")
    return chat.transcript()


def _begin(tz: tzinfo, written: str) -> Any:
    """When `Tue, 13 Feb 2024 +0100` begins; None if there is no such day."""
    met = _WRITTEN_DAY.fullmatch(written)
    month = met and MONTHS.get(met["month"].lower())
    day = met and month and day_of(int(met["year"]), month, int(met["day"]))
    try:
        return met and day and begin_at(tz, _seconds(f"{day}T00:00:00{met['offset']}"))
    except ValueError:
        return None


def _seconds(written: str) -> int:
    return int(datetime.fromisoformat(written).timestamp())


def _step(written: str) -> timedelta | None:
    return iso_clock(f" {written.strip()}") if _WRITTEN_CLOCK.fullmatch(written) else None


def _full_words(text: str) -> Words | str:
    """The text behind the fields that stand above it."""
    if not text.startswith("Type: "):
        body = text.lstrip("\n")
        return _unquoted(body) if body.startswith(_QUOTED) else body
    fields = _fields_of(text)
    if fields.startswith(f"Type: {_CALL_TYPE}\n"):
        return Words("", MessageKind.CALL)
    said = MessageKind.MEDIA if "\nAttachment: " in fields else MessageKind.TEXT
    is_edited = "\nEdited: " in fields
    body = text[len(fields) :].lstrip("\n")
    if is_edited:
        body = _latest(body)
    body = _unquoted(body)
    return body if said is MessageKind.TEXT and not is_edited else Words(body, said, is_edited)


def _unquoted(body: str) -> str:
    """The text behind a quotation, whose lines begin with ">"."""
    if not body.startswith(_QUOTED):
        return body
    end = _LAST_QUOTED.search(body)
    return body[end.end() :].lstrip("\n") if end else ""


def _latest(history: str) -> str:
    """The newest of the versions, which comes first; each line begins with "|"."""
    newest = _VERSION.split(history, maxsplit=2)[1:2]
    text = _HISTORY_MARK.sub("", newest[0]) if newest else history
    return text[len(_fields_of(text)) :].strip("\n")


def _fields_of(text: str) -> str:
    found = _FIELDS.match(text)
    return found[0] if found else ""


def _name(recipient: str) -> str:
    """`Nia (+49 170 …)`: the name alone."""
    met = _RECIPIENT.fullmatch(recipient)
    return met["name"] if met else recipient


SIGTOP_JSON = Format("sigtop-json", "Signal (sigtop's JSON)", _recognises_json, _read_json)
SIGTOP_TEXT = Format("sigtop-text", "Signal (sigtop's text)", _recognises_full, _read_full)
SIGTOP_SHORT = Format(
    "sigtop-text-short", "Signal (sigtop's short text)", _recognises_short, _read_short
)
