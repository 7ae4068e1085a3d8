"""imessage-exporter's text: a time, a sender, and the parts of a message, with blank lines
between. A reply stands twice, indented under what it answers: it counts where it is not."""

import re
from datetime import timedelta

from app.chats.formats.assembly import ME, Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import Entry, Grammar, Words, english_day, read_lines, text_of
from app.chats.formats.text import head_text
from app.chats.formats.times import WallTimes, clock_of
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_HEADER = re.compile(
    r"\n(?<![^\n]\n)(?P<day>[A-Z]\w{2,4}\.? \d{1,2}, \d{4})  ?"
    r"(?P<clock>\d{1,2}:\d{2}:\d{2} [AP]M)(?: \(Read by [^()\n]{1,100}\))?"
    r"(?: (?=\S)|\n(?P<who>\S[^\n]{0,254})|(?=\n|\Z))"
)
_ATTACHMENT = re.compile(
    r"(?:(?:/|~|attachments/)[^\n]{1,400}|[\w.~+-]+/\S{1,400})\.(?:\w{2,5}|pluginPayloadAttachment)"
    r"|Attachment missing!"
    # What is typed may end in a file's name, too; those of screenshots hold blanks.
    r"|(?:[\w.()+-]{1,120}|(?-i:[A-Z\d])[\w .()+-]{1,120}\d[\w ()+-]{0,9})"
    r"\.(?:jpe?g|heic|png|gif|mov|mp4|m4a|caf|pdf|vcf|pluginPayloadAttachment)"
    r"|(?:\w+ )?Sticker from .+",
    re.IGNORECASE,
)
_INDENT = "    "
_MARKS = frozenset(
    {
        "Tapbacks:",
        "This message responded to an earlier message.",
        "This message was deleted from the conversation!",
    }
)
_UNSENT = re.compile(r".{1,100} unsent (?:this message part|a message).*!?")
_EDITED = re.compile(
    r"Edited .{1,60} later: (?P<text>.*)|[A-Z][a-z]{2} \d{2}, \d{4}  ?\d{1,2}:\d{2}:\d{2} [AP]M .*",
    re.DOTALL,
)
_SENT_WITH = re.compile(
    r"Sent with (?:Slam|Loud|Gentle|Invisible Ink|Confetti|Echo|Fireworks|Balloons|Heart|Lasers"
    r"|Shooting Star|Sparkles|Spotlight|[\w.]{1,60}\.[\w.]{1,60})"
)
_SHARED_LOCATION = re.compile(r"(?:Started|Stopped) sharing location!")
_SHARE_PLAY = "SharePlay Message"
_CALLED = frozenset({_SHARE_PLAY, "Ended"})
_LEFT = re.compile(r"(?P<who>.+?) left the conversation|removed (?P<out>.+?) from the conversation")
_JOINED = re.compile(r"added (?P<who>.+?) to the conversation")
_SETTING = re.compile(
    r"(?:named the conversation|changed the (?:group|conversation)|removed the group|"
    r"background|kept an audio message|group photo|name)"
)
_PARTS_MAX = 1_000
# A text of one line that has none of these is as it was typed.
_ODD_BEGINNINGS = ("Edited ", "Ended", "Sent with", "SharePlay", "    ")
_END_CHARS = 6


def _recognises(head: bytes) -> bool:
    return _HEADER.match("\n" + head_text(head).lstrip("\n")) is not None


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("imessage-exporter", "imessage")
    chat.lacks("time_zone")
    times = WallTimes(options.tz, english_day, _clock)

    begins, steps = times.begins, times.steps

    def read(met: re.Match[str]) -> Entry | None:
        day, clock, who = met.groups()
        try:
            return begins[day] + steps[clock], who, 0
        except TypeError:
            return None

    read_lines(chat, text_of(chat, raw), Grammar(_HEADER, read, _words, _notice))
    if ME in chat.names:
        chat.lacks("author")
    return chat.transcript()


def _clock(written: str) -> timedelta | None:
    """`10:15:07 AM`."""
    at, _, period = written.partition(" ")
    hour, minute, second = map(int, at.split(":"))
    return clock_of(hour % 12 + (12 if period == "PM" else 0), minute, second)


def _words(text: str) -> Words | str:
    """A message out of its parts."""
    text = text.removeprefix("\n")
    if "\n" not in text and _is_typed(text):
        return text
    if text.count("\n") > _PARTS_MAX:
        return text  # No export has so many parts in a message: it was typed, or pasted.
    parts = [part for part in text.split("\n") if not part.startswith(_INDENT)]
    kept = [part for part in parts if part not in _MARKS]
    texts = [part for part in kept if not _ATTACHMENT.fullmatch(part)]
    if len(texts) == 1 and _UNSENT.fullmatch(texts[0]):
        return Words("", MessageKind.DELETED)
    if any(map(_SHARED_LOCATION.fullmatch, texts)):
        return Words("", MessageKind.LOCATION)
    if _SHARE_PLAY in texts and set(texts) <= _CALLED:
        return Words("", MessageKind.CALL)
    kind = MessageKind.MEDIA if len(texts) < len(kept) else MessageKind.TEXT
    said, edited = _last_version([t for t in texts if not _SENT_WITH.fullmatch(t)])
    return Words(said, kind, edited)


def _is_typed(line: str) -> bool:
    """The line can be no mark and no file."""
    return (
        "/" not in line
        and "." not in line[-_END_CHARS:]
        and not line.endswith("!")
        and not line.startswith(_ODD_BEGINNINGS)
        and "unsent" not in line
        and "Sticker from" not in line
    )


def _last_version(texts: list[str]) -> tuple[str, bool]:
    """The text, of an edited message its last version, and whether it was edited."""
    edits = [index for index, text in enumerate(texts) if text.startswith("Edited ")]
    edits = [index for index in edits if _EDITED.fullmatch(texts[index])]
    if not edits:
        return "\n".join(texts).strip("\n"), False
    found = _EDITED.fullmatch(texts[edits[-1]])
    last = found["text"] if found else ""
    return "\n".join([last, *texts[edits[-1] + 1 :]]).strip("\n"), True


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    if met := _JOINED.search(text):
        return NoticeKind.JOINED, (met["who"],)
    if met := _LEFT.search(text):
        return NoticeKind.LEFT, (met["who"] or met["out"],)
    return (NoticeKind.SETTING if _SETTING.search(text) else NoticeKind.UNKNOWN), ()


IMESSAGE = Format("imessage", "iMessage (imessage-exporter's text)", _recognises, _read)
