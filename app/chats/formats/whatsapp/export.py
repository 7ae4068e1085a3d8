"""The importer of WhatsApp exports: fast, exact, and truthful about what it did not understand.

The text is split once by an expression compiled for its own format (`headers`); the
order of day and month is decided over the whole file (`dates`); notices and media
marks are known by their words (`phrases`).
"""

import gc
import re
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, tzinfo
from itertools import compress
from operator import lt

from app.chats.formats.whatsapp.dates import DateReading, read_dates
from app.chats.formats.whatsapp.headers import (
    MARKS,
    SPACES,
    Layout,
    foreign_headers,
    read_clock,
    sniff,
)
from app.chats.formats.whatsapp.phrases import (
    HEAD,
    ODD_EDGES,
    ODD_HEADS,
    Body,
    group_name,
    is_encryption_notice,
    is_event,
    read_body,
)
from app.chats.message import Message, MessageKind
from app.chats.transcript import (
    AUTHOR_CHARS_MAX,
    PARTICIPANTS_MAX,
    TITLE_CHARS_MAX,
    DateOrder,
    EmptyChat,
    ImportReport,
    TooManyParticipants,
    Transcript,
    UnrecognisedFormat,
)

# Spellings of names while reading: those of notices are among them.
_NAMES_MAX = 2 * PARTICIPANTS_MAX

# The app cuts long exports silently, at about these many entries.
_CUT_WITHOUT_MEDIA = 40_000
_CUT_WITH_MEDIA = 10_000
_CUT_TOLERANCE = 0.01


def parse_export(
    text: str,
    *,
    date_order: DateOrder | None = None,
    tz: tzinfo = UTC,
    replaced_bytes: int = 0,
) -> Transcript:
    """The messages of an export and a report on how it was read; times are wall times in `tz`.

    Raises UnrecognisedFormat, AmbiguousDates, EmptyChat or TooManyParticipants.
    """
    text = _cleaned(text)
    if not text.strip():
        raise EmptyChat
    layout = sniff(text)
    if layout is None:
        raise UnrecognisedFormat
    entries, reading, unparsed = _read_entries(text, layout, declared=date_order, tz=tz)
    if not entries.ats:
        raise UnrecognisedFormat("No date in this file can be read.")
    reader = _Reader(layout)
    with _collector_paused():
        reader.read(entries)
    if not reader.messages:
        raise EmptyChat
    report = ImportReport(
        format=layout.name,
        date_order=reading.order,
        order_confidence=reading.confidence,
        unparsed_lines=unparsed + reader.foreign_headers,
        possibly_truncated=_is_near_a_cut(len(entries.ats), with_media=reader.attached > 0),
        replaced_bytes=replaced_bytes,
    )
    participants = dict(Counter(m.author for m in reader.messages).most_common())
    if len(participants) > PARTICIPANTS_MAX:
        raise TooManyParticipants(participants_max=PARTICIPANTS_MAX)
    return Transcript(reader.messages, reader.title(participants), participants, report)


@contextmanager
def _collector_paused() -> Generator[None]:
    """No cyclic collection inside: it would walk all messages again each time they grow by a
    quarter, 40 % of an import, and find nothing, since a message takes part in no cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Entries:
    """Everything that has a header: its time and what follows the header."""

    ats: Sequence[datetime]
    rests: Sequence[str]


_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def _cleaned(text: str) -> str:
    """`text` with plain newlines, one before it and none after it, fit for storage as UTF-8."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = _UNSTORABLE.sub("\ufffd", text)
    elif "\0" in text:
        text = text.replace("\0", "\ufffd")
    return "\n" + text.removesuffix("\n")


def _read_entries(
    text: str, layout: Layout, *, declared: DateOrder | None, tz: tzinfo
) -> tuple[_Entries, DateReading, int]:
    pieces = layout.pattern.split(text)
    days_written, clocks_written, rests = pieces[1::3], pieces[2::3], pieces[3::3]
    if layout.time_first:
        days_written, clocks_written = clocks_written, days_written
    reading = read_dates(days_written, declared=declared)
    clocks = {written: read_clock(written, tz) for written in dict.fromkeys(clocks_written)}
    unparsed = sum(bool(line.strip()) for line in pieces[0].split("\n"))
    ats = _times(days_written, clocks_written, reading.days, clocks)
    impossible = ats.count(None)
    certain = [at for at in ats if at is not None]
    if not impossible and _are_all_genuine(certain, rests, layout):
        return _Entries(certain, rests), reading, unparsed
    genuine = _genuine(ats, rests, layout)
    entries = _Entries(
        [at for at in compress(ats, genuine) if at is not None],
        _merged(text, layout, genuine),
    )
    return entries, reading, unparsed + impossible


def _times(
    days_written: Sequence[str],
    clocks_written: Sequence[str],
    days: Mapping[str, date | None],
    clocks: Mapping[str, time | None],
) -> list[datetime | None]:
    combine = datetime.combine
    return [
        None if (day := days[d]) is None or (clock := clocks[c]) is None else combine(day, clock)
        for d, c in zip(days_written, clocks_written, strict=True)
    ]


def _are_all_genuine(ats: Sequence[datetime], rests: Sequence[str], layout: Layout) -> bool:
    """Time never runs backwards, or only under names that wrote before it first did.

    What `_genuine` would find too, without its two passes.
    """
    late = [index for index, is_late in enumerate(map(lt, ats[1:], ats), 1) if is_late]
    if not late:
        return True
    known = {rest.partition(layout.author_end)[0] for rest in rests[: late[0]]}
    return all(_author_of(rests[index], layout) in known for index in late)


def _genuine(ats: Sequence[datetime | None], rests: Sequence[str], layout: Layout) -> list[bool]:
    """Which headers are the export's own, and which stand inside somebody's text.

    A pasted header gives itself away by running back in time under a name that writes
    nowhere in order. The first pass learns the names, so that a late delivery is kept
    although its author had not written before.
    """
    names = [_author_of(rest, layout) for rest in rests]
    known: set[str] = set()
    verdicts: list[bool] = []
    for _ in range(2):
        verdicts = []
        latest: datetime | None = None
        for at, name, rest in zip(ats, names, rests, strict=True):
            is_genuine = at is not None and (
                latest is None
                or at >= latest
                or (name in known if name is not None else is_event(rest))
            )
            verdicts.append(is_genuine)
            if is_genuine:
                latest = at
                if name is not None:
                    known.add(name)
    if verdicts.count(True) * 2 < len(verdicts):
        return [at is not None for at in ats]  # Two exports in one file, not pasted lines.
    return verdicts


def _author_of(rest: str, layout: Layout) -> str | None:
    first = rest.partition("\n")[0]
    name, end, _ = first.partition(layout.author_end)
    if end:
        return name
    return first[:-1] if first.endswith(":") else None


def _merged(text: str, layout: Layout, genuine: Sequence[bool]) -> list[str]:
    """The rests of genuine headers, each with the headers inside it as they were written."""
    spans = [found.span() for found in layout.pattern.finditer(text)]
    kept = list(compress(spans, genuine))
    ends = [*(start for start, _ in kept), len(text)][1:]
    return [text[after:end] for (_, after), end in zip(kept, ends, strict=True)]


def _is_near_a_cut(entries: int, *, with_media: bool) -> bool:
    cuts = (_CUT_WITHOUT_MEDIA, _CUT_WITH_MEDIA) if with_media else (_CUT_WITHOUT_MEDIA,)
    return any(abs(entries - cut) <= cut * _CUT_TOLERANCE for cut in cuts)


@dataclass(slots=True)
class _Reader:
    """Turns entries into messages; holds the names met so far."""

    layout: Layout
    messages: list[Message] = field(default_factory=list[Message])
    foreign_headers: int = 0
    attached: int = 0
    # Marks such as <Media omitted> mean the same under every author.
    _wordless: dict[str, Body] = field(default_factory=dict[str, Body])
    _names: dict[str, str] = field(default_factory=dict[str, str])
    _group: str | None = None
    _announcer: str | None = None

    def read(self, entries: _Entries) -> None:
        # The hot loop of an import: a plain message takes no call but the one that makes it.
        names, author_end, append = self._names, self.layout.author_end, self.messages.append
        edges, heads, head = ODD_EDGES, ODD_HEADS, HEAD
        number, text_kind = 1, MessageKind.TEXT
        make = Message.__new__
        for at, rest in zip(entries.ats, entries.rests, strict=True):
            raw, end, body = rest.partition(author_end)
            author = names.get(raw)
            if author is None or not end:
                met = self._meet(rest)
                if met is None:
                    continue
                author, body = met
            if (
                not body
                or body[0] in edges
                or body[-1] in edges
                or body[head] in heads
                or "\u200e" in body
                or "\n" in body
                or author == self._group
                or body.startswith(author)
            ):
                odd = self._read_odd(body, author)
                if odd is None:
                    continue
                append(make(Message, number, at, author, *odd))
            else:
                append(make(Message, number, at, author, body, text_kind, False))
            number += 1

    def title(self, participants: Mapping[str, int]) -> str | None:
        """The group's name: told by an event, or the name over the encryption notice if nobody
        writes under it."""
        told = self._group
        if told is None and self._announcer not in participants:
            told = self._announcer
        return told[:TITLE_CHARS_MAX] if told else None

    def _meet(self, rest: str) -> tuple[str, str] | None:
        """Author and body of a line whose author is new or written oddly; None for a notice."""
        first, newline, more = rest.partition("\n")
        raw, end, body = first.partition(self.layout.author_end)
        if not end and first.endswith(":"):
            raw, end, body = first[:-1], ":", ""
        name = _clean_name(raw)
        if not end or not name or self._is_unsigned_notice(first, raw):
            self._note_event(rest)
            return None
        if raw not in self._names:
            if len(self._names) >= _NAMES_MAX:
                raise TooManyParticipants(participants_max=PARTICIPANTS_MAX)
            self._names[raw] = name
        return name, body + newline + more

    def _is_unsigned_notice(self, first: str, raw: str) -> bool:
        """A notice whose words hold the author's colon: … changed the subject to "a: b"."""
        return raw not in self._names and any(q in raw for q in '"“„«') and is_event(first)

    def _read_odd(self, body: str, author: str) -> Body | None:
        if body in self._wordless:
            return self._wordless[body]
        odd = read_body(body, author=author, group=self._group)
        if odd is None:
            if self._announcer is None and is_encryption_notice(body):
                self._announcer = author
            self._note_event(body)
            return None
        if odd.kind is MessageKind.MEDIA and "." in body:
            self.attached += 1
        elif odd.kind is not MessageKind.TEXT and "." not in body:
            self._wordless[body] = odd
        if "\n" in body:
            self.foreign_headers += foreign_headers(body, self.layout)
        return odd

    def _note_event(self, notice: str) -> None:
        name = group_name(notice)
        if name is not None:
            self._group = name


def _clean_name(raw: str) -> str:
    name = raw.translate(_NAME_TABLE).strip()
    return name[:AUTHOR_CHARS_MAX].strip()


_NAME_TABLE = {ord(mark): None for mark in MARKS} | {ord(space): " " for space in SPACES}
