"""signalbackup-tools' text of a chat in a backup of Signal for Android."""

import re
from datetime import datetime, tzinfo

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import MONTHS, Entry, Words, lines_of, read_lines
from app.chats.formats.text import head_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_HEADER = re.compile(
    r"\[(?P<b>[A-Z][a-z]{2}) (?P<d>\d{2}), (?P<y>\d{4}) (?P<h>\d{2}):(?P<n>\d{2}):(?P<s>\d{2})\]"
    r" (?:<(?P<who>[^\n]{1,255}?)> (?P<text>.*)|\*\*\* (?P<event>.*))"
)
_FILE = re.compile(r'<(?P<who>[^\n]{1,255}?)> sent file(?: ".*"| of type \S+)?(?: \(.*\))?')
_FILE_SENT = "\0file"
_POLL = "Poll: "
_POLL_OPTION = re.compile(r"\s+\[\d+\] (?P<option>.*)")
_REACTIONS = re.compile(r" \(Reactions?: [^\n]*\)\Z")
_CALL = re.compile(
    r"(?:Missed|Incoming|Outgoing|Group)(?: (?:audio|video|group))* call\b.*|.* called you"
)
_JOINED = re.compile(r"(?P<who>.+?) (?:joined|was added)|added (?P<other>.+?)\.?$")
_LEFT = re.compile(r"(?P<who>.+?) (?:left|was removed)|removed (?P<other>.+?)\.?$")


def _recognises(head: bytes) -> bool:
    first = head_text(head).lstrip("\n").partition("\n")[0]
    return _HEADER.fullmatch(first) is not None


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("signalbackup-tools-txt", "signal")
    chat.lacks("time_zone")
    read_lines(
        chat,
        lines_of(chat, raw),
        header=lambda line: _header(line, options.tz),
        words=_words,
        notice=_notice,
    )
    return chat.transcript()


def _header(line: str, tz: tzinfo) -> Entry | None:
    if not line.startswith("[") or (met := _HEADER.fullmatch(line)) is None:
        return None
    try:
        at = datetime(
            int(met["y"]), MONTHS[met["b"].lower()], int(met["d"]),
            int(met["h"]), int(met["n"]), int(met["s"]), tzinfo=tz,
        )  # fmt: skip
    except (ValueError, KeyError):
        return None
    if met["event"] is not None:
        if sent := _FILE.fullmatch(met["event"]):
            return Entry(at, sent["who"], _FILE_SENT)
        return Entry(at, None, met["event"])
    return Entry(at, met["who"], met["text"])


def _words(text: str) -> Words:
    if text == _FILE_SENT:
        return Words("", MessageKind.MEDIA)
    if text.startswith(_POLL):
        question, *rest = text.removeprefix(_POLL).split("\n")
        options = [met["option"] for line in rest if (met := _POLL_OPTION.fullmatch(line))]
        if options:
            return Words("\n".join([question, *options]), MessageKind.POLL)
    return Words(_REACTIONS.sub("", text))


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    if _CALL.fullmatch(text):
        return NoticeKind.CALL, ()
    for kind, words in ((NoticeKind.JOINED, _JOINED), (NoticeKind.LEFT, _LEFT)):
        if met := words.search(text):
            return kind, (met["who"] or met["other"],)
    return NoticeKind.UNKNOWN, ()


SIGNAL_ANDROID = Format(
    "signalbackup-tools", "Signal (signalbackup-tools' text)", _recognises, _read
)
