"""SMS Backup & Restore's XML, of SMS and MMS; exporters of Signal for Android write it, too.

It is read as text: the app writes emoji as halves of surrogate pairs, which no XML parser takes,
and so there are no entities to expand either.
"""

import html
import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from app.chats.formats.assembly import ME, OTHER_FORM
from app.chats.formats.choosing import SeveralAssemblies
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.text import clean_text, decode_text, head_text
from app.chats.message import MessageKind
from app.chats.transcript import Transcript

_ROOT = re.compile(r"<smses[\s>]")
_RECORD = re.compile(r"<(?P<tag>sms|mms|part|addr)\s")
_ATTRIBUTE = re.compile(r"([\w.:-]+)\s*=\s*(\"[^\"]*\"|'[^']*')\s*")
_PAIR = re.compile(r"&#(5529[6-9]|55[3-9]\d\d|56[0-2]\d\d|563[01]\d);&#(5632\d|56[3-9]\d\d|57[0-2]\d\d|573[0-3]\d|5734[0-3]);")  # fmt: skip  # noqa: E501
_SENT, _RECEIVED = "2", "1"
_FROM_TYPE = "137"
_NO_VALUES = frozenset({"", "null", "(Unknown)"})
_LAYOUT = re.compile(r"[\d()\s./-]+")
_HEAD = re.compile(r"<(?:sms|mms)\s")
_MEDIA = re.compile(r"(?:image|video|audio)/|application/(?!smil)|text/x-vcard")


class _Text(NamedTuple):
    """An SMS or MMS; `sender` is who wrote it, None for the owner of the backup."""

    chat: str
    title: str
    milliseconds: str
    sender: str | None
    text: str
    kind: MessageKind


def _recognises(head: bytes) -> bool:
    text = head_text(head)
    return _ROOT.search(text) is not None or (
        text.lstrip().startswith(("<?xml", "<sms", "<mms")) and _HEAD.search(text) is not None
    )


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    decoded, replaced = decode_text(raw)
    chats = SeveralAssemblies("sms-backup-restore", "sms")
    unread = 0
    for told in _texts(clean_text(decoded)):
        try:
            at = datetime.fromtimestamp(int(told.milliseconds) // 1000, options.tz)
            chat = chats.of(told.chat)
            chat.say(at, chat.author(told.sender or ME), told.text, told.kind)
            chat.title = told.title
        except OTHER_FORM:
            unread += 1
    chosen = chats.chosen(options.chat)
    chosen.replaced_bytes, chosen.unparsed_lines = replaced, unread
    chosen.lacks("author")  # Of the owner of the backup no name is told.
    return chosen.transcript()


def _texts(text: str) -> Iterator[_Text]:
    """Each message of the file."""
    names: dict[str, str] = {}
    mms: dict[str, str] | None = None
    parts: list[dict[str, str]] = []
    for tag, fields in _records(text):
        if tag in ("part", "addr"):
            parts.append(fields)
            continue
        if mms is not None:
            yield _mms(mms, parts, names)
        mms, parts = (fields if tag == "mms" else None), []
        if tag == "sms":
            yield _sms(fields, names)
    if mms is not None:
        yield _mms(mms, parts, names)


def _records(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Tags and attributes, these with their quotation marks."""
    tag, start = "", 0
    for record in _RECORD.finditer(text):
        if tag:
            yield tag, dict(_ATTRIBUTE.findall(text, start, record.start()))
        tag, start = record[1], record.end()
    if tag:
        yield tag, dict(_ATTRIBUTE.findall(text, start))


def _value(fields: dict[str, str], name: str) -> str:
    return fields.get(name, '""')[1:-1]


def _sms(fields: dict[str, str], names: dict[str, str]) -> _Text:
    address, kind = _value(fields, "address"), _value(fields, "type")
    chat = _number(address)
    name = _named(names, chat, _value(fields, "contact_name"), address)
    sender = None if kind != _RECEIVED else name
    return _Text(
        chat, name, _value(fields, "date"), sender, _plain(_value(fields, "body")), MessageKind.TEXT
    )


def _mms(fields: dict[str, str], parts: list[dict[str, str]], names: dict[str, str]) -> _Text:
    address = _value(fields, "address")
    chat = "~".join(sorted(_number(each) for each in address.split("~")))
    title = _named(names, chat, _value(fields, "contact_name"), address)
    texts = [_plain(_value(part, "text")) for part in parts if _value(part, "ct") == "text/plain"]
    written = "\n".join(text for text in texts if text not in _NO_VALUES)
    is_media = any(_MEDIA.match(_value(part, "ct")) for part in parts)
    sender = None
    if _value(fields, "msg_box") == _RECEIVED:
        by = next((_value(p, "address") for p in parts if _value(p, "type") == _FROM_TYPE), "")
        sender = names.get(_number(by), by) if "~" in chat and by else title
    kind = MessageKind.MEDIA if is_media else MessageKind.TEXT
    return _Text(chat, title, _value(fields, "date"), sender, written, kind)


def _named(names: dict[str, str], chat: str, told: str, address: str) -> str:
    name = _plain(told)
    if name in _NO_VALUES:
        return names.get(chat) or _plain(address).replace("~", ", ")
    names[chat] = name
    return name


def _number(address: str) -> str:
    """A telephone number without its layout; what is none, as it is."""
    digits = address.removeprefix("+")
    if digits.isdigit() or not _LAYOUT.fullmatch(digits):
        return address
    return re.sub(r"[^\d+]", "", address)


def _plain(value: str) -> str:
    if "&" not in value:
        return value
    return clean_text(html.unescape(_PAIR.sub(_joined, value)))


def _joined(pair: re.Match[str]) -> str:
    high, low = int(pair[1]) - 0xD800, int(pair[2]) - 0xDC00
    return chr(0x10000 + (high << 10) + low)


SMS = Format("sms", "SMS Backup & Restore (XML)", _recognises, _read)
