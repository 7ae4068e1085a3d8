"""signalbackup-tools' text of a chat in a backup of Signal for Android."""

import re

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import Entry, Grammar, Words, english_day, read_lines, text_of
from app.chats.formats.text import head_text
from app.chats.formats.times import WallTimes, iso_clock
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_HEADER = re.compile(
    r"\n\[(?P<day>[A-Z]\w{2,4}\.? \d{1,2}, \d{4})(?P<clock> \d{2}:\d{2}:\d{2})\] "
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
    times = WallTimes(options.tz, english_day, iso_clock)

    begins, steps = times.begins, times.steps

    def read(met: re.Match[str]) -> Entry | None:
        day, clock, who, sender = met.groups()
        try:
            return begins[day] + steps[clock], who or sender, 0
        except TypeError:
            return None

    read_lines(chat, text_of(chat, raw), Grammar(_HEADER, read, _words, _notice))
    return chat.transcript()


def _words(text: str) -> Words | str:
    if text.startswith("sent file") and _FILE.fullmatch(text):
        return Words("", MessageKind.MEDIA)
    if text.startswith(_POLL):
        question, *rest = text.removeprefix(_POLL).split("\n")
        options = [met["option"] for line in rest if (met := _POLL_OPTION.fullmatch(line))]
        if options:
            return Words("\n".join([question, *options]), MessageKind.POLL)
    return _REACTIONS.sub("", text) if text.endswith(")") else text


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
