"""sigtop's files of a chat of Signal Desktop: JSON, and text, in full or short."""

import re
from datetime import datetime
from functools import partial
from typing import Any

from app.chats.formats.assembly import OTHER_FORM, Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import Elements, json_head, plain_json
from app.chats.formats.lines import Entry, Words, lines_of, read_lines
from app.chats.formats.text import head_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_YOU = "You"
_JSON_MARKS = (
    re.compile(rb'"conversationId"\s*:'),
    re.compile(rb'"(?:sent_at|received_at)"\s*:'),
    re.compile(rb'"type"\s*:\s*"(?:incoming|outgoing|call-history|group-v2-change|keychange)"'),
)
_SHORT = re.compile(
    r"(?P<at>\d{4}-\d{2}-\d{2} \d{2}:\d{2}) (?!-)(?P<who>[^:\n]{1,255}):(?P<text>.*)"
)
_DETAILS = re.compile(
    r"(?s) \[(?:(?:reply to [^\]\n]{1,300} on (?:\d{4}-\d\d-\d\d \d\d:\d\d|unknown))(?:, )?)?"
    r"(?P<edited>edited(?:, )?)?(?P<attached>\d{1,4} attachments?)?\](?: (?P<text>.*))?"
)
_EVENT = re.compile(r" \[(?P<type>[\w-]{1,40}) message\]")
_FULL_HEAD = re.compile(r"Conversation: .+")
_FIELD = re.compile(r"(?P<name>From|Type|Sent|Received|Attachment|Reaction|Edited): (?P<value>.*)")
_TYPES = frozenset({"incoming", "outgoing"})
_CALL_TYPE = "call-history"
_RECIPIENT = re.compile(r"(?P<name>.+?) \([^()]*\)")


def _recognises_json(head: bytes) -> bool:
    head = json_head(head)
    return head.startswith(b"[") and all(mark.search(head) for mark in _JSON_MARKS)


def _read_json(raw: bytes, options: ReadingOptions) -> Transcript:
    raw = plain_json(raw)
    chat = Assembly("sigtop-json", "signal")
    elements = Elements(raw, raw.index(b"[") + 1)
    chat.read_elements(elements, partial(_read_one, options))
    chat.take_unread(elements)
    return chat.transcript()


def _read_one(options: ReadingOptions, chat: Assembly, told: Any) -> None:
    milliseconds = told.get("sent_at") or told["timestamp"]
    at = datetime.fromtimestamp(milliseconds // 1000, options.tz)
    kind, text = told.get("type"), told.get("body") or ""
    if kind not in _TYPES and kind != _CALL_TYPE:
        settled = NoticeKind.UNKNOWN if kind is None else NoticeKind.SETTING
        chat.note(at, settled, f"{kind}: {text}" if text else str(kind))
        return
    chat.lacks("author")  # Of others a number or an id is told, of the exporter nothing.
    author = _author(chat, told, is_own=kind == "outgoing")
    if kind == _CALL_TYPE:
        chat.say(at, author, "", MessageKind.CALL)
    elif told.get("deletedForEveryone"):
        chat.say(at, author, "", MessageKind.DELETED)
    elif told.get("attachments") or told.get("sticker"):
        chat.say(at, author, text, MessageKind.MEDIA, bool(told.get("editHistory")))
    else:
        chat.say(at, author, text, MessageKind.TEXT, bool(told.get("editHistory")))


def _author(chat: Assembly, told: Any, *, is_own: bool) -> str:
    if is_own:
        return chat.author(_YOU)
    source = told.get("sourceServiceId") or told.get("sourceUuid") or told.get("source")
    return chat.author(source or told["conversationId"], told.get("source") or source)


def _recognises_short(head: bytes) -> bool:
    lines = head_text(head).split("\n")
    return _SHORT.fullmatch(lines[0]) is not None


def _read_short(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("sigtop-text-short", "signal")
    chat.lacks("time_zone")

    def header(line: str) -> Entry | None:
        if not line[:1].isdigit() or (met := _SHORT.fullmatch(line)) is None:
            return None
        try:
            at = datetime.fromisoformat(met["at"]).replace(tzinfo=options.tz)
        except ValueError:
            return None
        if met["who"] == _YOU:
            chat.lacks("author")
        return Entry(at, met["who"], met["text"])

    read_lines(chat, lines_of(chat, raw), header=header, words=_words, notice=_notice)
    return chat.transcript()


def _words(text: str) -> Words:
    first, _, _ = text.partition("\n")
    if event := _EVENT.fullmatch(first):
        is_call = event["type"] == _CALL_TYPE
        return Words("" if is_call else first.strip(), MessageKind.CALL if is_call else None)
    if (told := _DETAILS.fullmatch(text)) and len(first) > len(" []"):
        kind = MessageKind.MEDIA if told["attached"] else MessageKind.TEXT
        return Words(told["text"] or "", kind, bool(told["edited"]))
    return Words(text.removeprefix(" "))


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    return NoticeKind.SETTING, ()


def _recognises_full(head: bytes) -> bool:
    lines = head_text(head).split("\n")
    return _FULL_HEAD.fullmatch(lines[0]) is not None and any(
        line.startswith("Type: ") for line in lines[:12]
    )


def _read_full(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("sigtop-text", "signal")
    lines = lines_of(chat, raw)
    chat.title = _name(lines[0].partition(": ")[2])
    chat.notice_lines = 1
    begins = [n for n in range(1, len(lines)) if _begins(lines, n)]
    for line in lines[1 : begins[0] if begins else len(lines)]:
        chat.blank_lines += not line.strip()
        chat.unparsed_lines += bool(line.strip())
    for start, end in zip(begins, [*begins[1:], len(lines)], strict=True):
        _read_block(chat, lines[start:end], start + 1, options)
    return chat.transcript()


def _begins(lines: list[str], number: int) -> bool:
    """A message's first field follows a blank line; its type is told in it or in the next."""
    line = lines[number]
    if lines[number - 1] or not line.startswith(("From: ", "Type: ")):
        return False
    after = lines[number + 1 : number + 2]
    if line.startswith("From: "):
        return bool(after) and after[0].startswith("Type: ")
    return bool(after) and after[0].startswith(("Sent: ", "Received: "))


def _read_block(chat: Assembly, block: list[str], first: int, options: ReadingOptions) -> None:
    fields: dict[str, str] = {}
    length = 0
    for line in block:
        if (met := _FIELD.fullmatch(line)) is None:
            break
        fields[met["name"]] = met["value"]
        length += 1
    try:
        at = datetime.strptime(
            fields.get("Sent") or fields["Received"], "%a, %d %b %Y %H:%M:%S %z"
        ).astimezone(options.tz)
        is_notice = _say_block(chat, at, fields, block[length:], first)
    except OTHER_FORM:
        chat.leave_out(first, block[0], lines=len(block))
        return
    if is_notice:
        chat.notice_lines += len(block)
    else:
        chat.message_lines += len(block)


def _say_block(
    chat: Assembly, at: datetime, fields: dict[str, str], body: list[str], first: int
) -> bool:
    """Whether it was a notice."""
    kind = fields["Type"]
    if kind == _CALL_TYPE and "From" in fields:
        chat.say(at, chat.author(_name(fields["From"])), "", MessageKind.CALL)
        return False
    if kind not in _TYPES or "From" not in fields:
        chat.note(at, NoticeKind.SETTING, kind, line=first)
        return True
    name = _name(fields["From"])
    if name == _YOU:
        chat.lacks("author")
    edited = "Edited" in fields
    text = _latest(body) if edited else _unquoted(body)
    said = MessageKind.MEDIA if "Attachment" in fields else MessageKind.TEXT
    chat.say(at, chat.author(name), text, said, edited)
    return False


def _unquoted(body: list[str]) -> str:
    """The text behind a quotation, whose lines begin with ">"."""
    start = 0
    while start < len(body) and not body[start]:
        start += 1
    if body[start : start + 1] and body[start].startswith("> From: "):
        while start < len(body) and body[start].startswith(">"):
            start += 1
    return "\n".join(body[start:]).strip("\n")


def _latest(body: list[str]) -> str:
    """The newest of the versions, which comes first; its lines begin with "|"."""
    lines = [line[2:] if line.startswith("| ") else line.lstrip("|") for line in body]
    while lines and not lines[0].startswith("Version: "):
        lines.pop(0)
    latest = lines[1:]
    for number, line in enumerate(latest):
        if line.startswith("Version: "):
            latest = latest[:number]
            break
    while latest and (not latest[0] or _FIELD.fullmatch(latest[0])):
        latest.pop(0)
    return _unquoted(latest)


def _name(recipient: str) -> str:
    """`Nia (+49 170 …)`: the name alone."""
    met = _RECIPIENT.fullmatch(recipient)
    return met["name"] if met else recipient


SIGTOP_JSON = Format("sigtop-json", "Signal (sigtop's JSON)", _recognises_json, _read_json)
SIGTOP_TEXT = Format("sigtop-text", "Signal (sigtop's text)", _recognises_full, _read_full)
SIGTOP_SHORT = Format(
    "sigtop-text-short", "Signal (sigtop's short text)", _recognises_short, _read_short
)
