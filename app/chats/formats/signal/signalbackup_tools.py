"""signalbackup-tools' text of a chat in a backup of Signal for Android."""

import re

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import MONTHS, Entry, Grammar, Words, read_lines, text_of, wall_time
from app.chats.formats.text import head_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_HEADER = re.compile(
    r"\n\[(?P<b>[A-Z][a-z]{2}) (?P<d>\d{2}), (?P<y>\d{4}) (?P<h>\d{2}):(?P<n>\d{2}):(?P<s>\d{2})\] "
    r"(?:<(?P<who>[^\n]{1,255}?)> |\*\*\* (?:<(?P<sender>[^\n]{1,255}?)> (?=sent file))?)"
)
_FILE = re.compile(r'sent file(?: ".*"| of type \S+)?(?: \(.*\))?')
_POLL = "Poll: "
_POLL_OPTION = re.compile(r"\s+\[\d+\] (?P<option>.*)")
_REACTIONS = re.compile(r" \(Reactions?: [^\n]*\)\Z")
_CALL = re.compile(
    r"(?:Missed|Incoming|Outgoing|Group)(?: (?:audio|video|group))* call\b.*|.* called you"
)
_JOINED = re.compile(r"(?P<who>.+?) (?:joined|was added)|added (?P<other>.+?)\.?$")
_LEFT = re.compile(r"(?P<who>.+?) (?:left|was removed)|removed (?P<other>.+?)\.?$")


def _recognises(head: bytes) -> bool:
    return _HEADER.match("\n" + head_text(head).lstrip("\n")) is not None


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("signalbackup-tools-txt", "signal")
    chat.lacks("time_zone")

    def read(met: re.Match[str]) -> Entry | None:
        month, day, year, hour, minute, second, who, sender = met.groups()
        on = (int(year), MONTHS.get(month.lower(), 0), int(day))
        at = wall_time(on, int(hour), int(minute), int(second), options.tz)
        return None if at is None else Entry(at, who or sender)

    read_lines(chat, text_of(chat, raw), Grammar(_HEADER, read, _words, _notice))
    return chat.transcript()


def _words(text: str) -> Words:
    if text.startswith("sent file") and _FILE.fullmatch(text):
        return Words("", MessageKind.MEDIA)
    if text.startswith(_POLL):
        question, *rest = text.removeprefix(_POLL).split("\n")
        options = [met["option"] for line in rest if (met := _POLL_OPTION.fullmatch(line))]
        if options:
            return Words("\n".join([question, *options]), MessageKind.POLL)
    return Words(_REACTIONS.sub("", text) if text.endswith(")") else text)


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
