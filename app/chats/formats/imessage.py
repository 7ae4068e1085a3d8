"""imessage-exporter's text: a time, a sender, and the parts of a message, with blank lines
between. A reply stands twice, indented under what it answers: it counts where it is not."""

import re
from datetime import datetime, tzinfo

from app.chats.formats.assembly import ME, OTHER_FORM, Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import MONTHS, lines_of
from app.chats.formats.text import head_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_TIME = re.compile(
    r"(?P<b>[A-Z][a-z]{2}) (?P<d>\d{2}), (?P<y>\d{4})  ?(?P<h>\d{1,2}):(?P<n>\d{2}):(?P<s>\d{2})"
    r" (?P<p>[AP]M)(?P<read> \(Read by .{1,100}\))?(?: (?P<event>.+))?"
)
_ATTACHMENT = re.compile(
    r"(?:/|~|attachments/|[\w.~+-]+/)[^\n]{1,400}\.\w{2,5}|Attachment missing!"
    r"|[\w .()+-]{1,120}\.(?:jpe?g|heic|png|gif|mov|mp4|m4a|caf|pdf|vcf|pluginPayloadAttachment)"
    r"|(?:\w+ )?Sticker from .+",
    re.IGNORECASE,
)
_TAPBACKS = "Tapbacks:"
_INDENT = "    "
_MARKS = frozenset(
    {
        "This message responded to an earlier message.",
        "This message was deleted from the conversation!",
    }
)
_UNSENT = re.compile(r".{1,100} unsent (?:this message part|a message).*!?")
_EDITED = re.compile(
    r"Edited .{1,60} later: (?P<text>.*)|[A-Z][a-z]{2} \d{2}, \d{4}  ?\d{1,2}:\d{2}:\d{2} [AP]M .*",
    re.DOTALL,
)
_SENT_WITH = re.compile(r"Sent with .{1,40}")
_SHARED_LOCATION = re.compile(r"(?:Started|Stopped) sharing location!")
_CALLED = frozenset({"SharePlay Message", "Ended"})
_LEFT = re.compile(r"(?P<who>.+?) left the conversation|removed (?P<out>.+?) from the conversation")
_JOINED = re.compile(r"added (?P<who>.+?) to the conversation")
_SETTING = re.compile(
    r"(?:named the conversation|changed the (?:group|conversation)|removed the group|"
    r"background|kept an audio message|group photo|name)"
)
_HEAD_LINES = 6


def _recognises(head: bytes) -> bool:
    return any(map(_TIME.fullmatch, head_text(head).split("\n")[:_HEAD_LINES]))


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("imessage-exporter", "imessage")
    chat.lacks("time_zone")
    block: list[str] = []
    first = 1
    for number, line in enumerate(lines_of(chat, raw), 1):
        if line[:1].isupper() and _TIME.fullmatch(line):
            _read_block(chat, block, first, options.tz)
            block, first = [], number
        block.append(line)
    _read_block(chat, block, first, options.tz)
    return chat.transcript()


def _read_block(chat: Assembly, block: list[str], first: int, tz: tzinfo) -> None:
    if not block:
        return
    met = _TIME.fullmatch(block[0])
    try:
        at = _at(met, tz) if met else None
        if met is None or at is None:
            raise ValueError("no time")
        if met["event"]:
            _note(chat, at, met["event"], first)
            chat.notice_lines += len(block)
            return
        _say(chat, at, block[1], [line for line in block[2:] if not line.startswith(_INDENT)])
        chat.message_lines += len(block)
    except OTHER_FORM:
        written = sum(bool(line.strip()) for line in block)
        chat.blank_lines += len(block) - written
        if written:
            chat.leave_out(first, "\n".join(block), lines=written)


def _at(met: re.Match[str], tz: tzinfo) -> datetime:
    hour = int(met["h"]) % 12 + (12 if met["p"] == "PM" else 0)
    return datetime(
        int(met["y"]), MONTHS[met["b"].lower()], int(met["d"]), hour, int(met["n"]), int(met["s"]),
        tzinfo=tz,
    )  # fmt: skip


def _say(chat: Assembly, at: datetime, sender: str, parts: list[str]) -> None:
    if not sender.strip():
        raise ValueError("no sender")
    author = chat.author(sender.strip())
    if author == ME:
        chat.lacks("author")
    while parts and not parts[-1]:
        parts.pop()
    kept = [part for part in parts if part not in _MARKS and part != _TAPBACKS]
    texts = [part for part in kept if not _ATTACHMENT.fullmatch(part)]
    if any(map(_UNSENT.fullmatch, texts)) and len(texts) == 1:
        chat.say(at, author, "", MessageKind.DELETED)
    elif any(map(_SHARED_LOCATION.fullmatch, texts)):
        chat.say(at, author, "", MessageKind.LOCATION)
    elif texts and set(texts) <= _CALLED:
        chat.say(at, author, "", MessageKind.CALL)
    else:
        text, edited = _last_version([t for t in texts if not _SENT_WITH.fullmatch(t)])
        kind = MessageKind.MEDIA if len(texts) < len(kept) else MessageKind.TEXT
        chat.say(at, author, text, kind, edited)


def _last_version(texts: list[str]) -> tuple[str, bool]:
    """The text, of an edited message its last version, and whether it was edited."""
    edits = [index for index, text in enumerate(texts) if text.startswith("Edited ")]
    edits = [index for index in edits if _EDITED.fullmatch(texts[index])]
    if not edits:
        return "\n".join(texts).strip("\n"), False
    found = _EDITED.fullmatch(texts[edits[-1]])
    last = found["text"] if found else ""
    return "\n".join([last, *texts[edits[-1] + 1 :]]).strip("\n"), True


def _note(chat: Assembly, at: datetime, event: str, line: int) -> None:
    if met := _JOINED.search(event):
        chat.note(at, NoticeKind.JOINED, event, [met["who"]], line)
    elif met := _LEFT.search(event):
        chat.note(at, NoticeKind.LEFT, event, [met["who"] or met["out"]], line)
    else:
        kind = NoticeKind.SETTING if _SETTING.search(event) else NoticeKind.UNKNOWN
        chat.note(at, kind, event, line=line)


IMESSAGE = Format("imessage", "iMessage (imessage-exporter's text)", _recognises, _read)
