"""The importer of WhatsApp exports: fast, exact, and truthful about what it did not understand.

The text is cut by an expression compiled for its own layout (`headers`, `entries`); the order of
day and month is decided over the whole file (`dates`); notices and marks are known by their
structure first and their words second (`bodies`, `notices`, `titles`).
"""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import accumulate, count, repeat, takewhile
from operator import attrgetter, sub

from app.chats.formats.text import Text, as_text
from app.chats.formats.times import Remembered
from app.chats.formats.whatsapp.bodies import (
    HEAD,
    LEFT_TO_RIGHT,
    ODD_EDGES,
    ODD_HEADS,
    RIGHT_TO_LEFT,
    Body,
    has_own_mark,
    read_body,
)
from app.chats.formats.whatsapp.entries import Entries, read_entries
from app.chats.formats.whatsapp.headers import Layout, foreign_headers, sniff
from app.chats.formats.whatsapp.names import Names
from app.chats.formats.whatsapp.notices import (
    group_name,
    is_whole_event,
    kind_of,
    people_of,
)
from app.chats.formats.whatsapp.titles import shared_bodies, suspects, titles
from app.chats.message import Message, MessageKind, make_message
from app.chats.transcript import (
    EXAMPLE_CHARS_MAX,
    EXAMPLES_MAX,
    PARTICIPANTS_MAX,
    TITLE_CHARS_MAX,
    DateOrder,
    EmptyChat,
    Example,
    ImportReport,
    Notice,
    NoticeKind,
    TooManyParticipants,
    Transcript,
    UnrecognisedFormat,
)

# The app cuts long exports silently, at about these many entries.
_CUT_WITHOUT_MEDIA = 40_000
_CUT_WITH_MEDIA = 10_000
_CUT_TOLERANCE = 0.01
# Entries are read in parts, so that the text of each part is given back as it is read.
_PART_ENTRIES = 20_000
_REPEATED_MIN = 3


def parse_export(
    text: Text | str,
    *,
    date_order: DateOrder | None = None,
    tz: tzinfo = UTC,
    today: date | None = None,
) -> Transcript:
    """The messages of an export and a report on how it was read; times are wall times in `tz`.

    `today` is the last day on which a message can have been written: by default tomorrow, for
    it is tomorrow already somewhere. Raises UnrecognisedFormat, AmbiguousDates, EmptyChat or
    TooManyParticipants.
    """
    text = text if isinstance(text, Text) else as_text(text)
    if not text.encoded.strip():
        raise EmptyChat
    layout = sniff(text.beginning())
    if layout is None:
        raise UnrecognisedFormat
    today = today or datetime.now(UTC).date() + timedelta(days=1)
    entries = read_entries(text, layout, declared=date_order, tz=tz, today=today)
    replaced = text.replaced
    del text
    if not entries.ats:
        raise UnrecognisedFormat("No date in this file can be read.")
    repeated = _repeated(entries) or entries.repeated
    reader = _Reader(layout, Names(entries.rests, layout))
    reader.read(entries)
    if not reader.messages:
        raise EmptyChat
    participants = dict(Counter(map(attrgetter("author"), reader.messages)).most_common())
    if len(participants) > PARTICIPANTS_MAX:
        raise TooManyParticipants(participants_max=PARTICIPANTS_MAX)
    return Transcript(
        messages=reader.messages,
        title=reader.title(participants),
        participants=participants,
        report=_report(reader, entries, replaced_bytes=replaced, repeated=repeated),
        notices=reader.told_notices(frozenset(participants)),
    )


def _report(
    reader: "_Reader", entries: Entries, *, replaced_bytes: int, repeated: int
) -> ImportReport:
    unknown = [notice for notice in reader.notices if notice.kind is NoticeKind.UNKNOWN]
    return ImportReport(
        format=reader.layout.name,
        date_order=entries.reading.order,
        order_confidence=entries.reading.confidence,
        unparsed_lines=sum(bool(line.strip()) for line in entries.preamble)
        + entries.impossible
        + reader.foreign_headers,
        possibly_truncated=_is_near_a_cut(len(entries.ats), with_media=reader.attached > 0),
        notices=len(reader.notices),
        unknown_notices=len(unknown),
        merged_headers=len(entries.merged_lines),
        merged_header_lines=tuple(entries.merged_lines[:EXAMPLES_MAX]),
        replaced_bytes=replaced_bytes,
        repeated_messages=repeated,
        unsaid=("time_zone",),
        examples=(
            *(
                Example("unknown_notice", told.line, told.text[:EXAMPLE_CHARS_MAX])
                for told in unknown[:EXAMPLES_MAX]
            ),
            *entries.examples,
        ),
        message_lines=reader.message_lines,
        notice_lines=reader.notice_lines,
        blank_lines=sum(not line.strip() for line in entries.preamble),
    )


def _is_near_a_cut(entries: int, *, with_media: bool) -> bool:
    cuts = (_CUT_WITHOUT_MEDIA, _CUT_WITH_MEDIA) if with_media else (_CUT_WITHOUT_MEDIA,)
    return any(abs(entries - cut) <= cut * _CUT_TOLERANCE for cut in cuts)


def _repeated(entries: Entries) -> int:
    """How many entries stand a second time, from where the file begins again."""
    ats, rests = entries.ats, entries.rests
    start = 0
    with suppress(ValueError):
        while True:
            start = ats.index(ats[0], start + 1)
            if rests[start] != rests[0] or ats[start] == ats[start - 1]:
                continue
            firsts = zip(ats[:start], rests[:start], strict=True)
            seconds = zip(ats[start:], rests[start:], strict=True)
            same = sum(
                1
                for _ in takewhile(
                    lambda pair: pair[0] == pair[1], zip(firsts, seconds, strict=False)
                )
            )
            if same >= min(_REPEATED_MIN, start):
                return same
    return 0


@dataclass(slots=True)
class _Reader:
    """Turns entries into messages and notices."""

    layout: Layout
    names: Names
    messages: list[Message] = field(default_factory=list[Message])
    notices: list[Notice] = field(default_factory=list[Notice])
    foreign_headers: int = 0
    attached: int = 0
    message_lines: int = 0
    notice_lines: int = 0
    # Marks such as <Media omitted> mean the same under every author.
    _wordless: dict[str, Body] = field(default_factory=dict[str, Body])
    _kinds: Remembered[str, NoticeKind] = field(default_factory=lambda: Remembered(kind_of))
    _groups: Remembered[str, str | None] = field(default_factory=lambda: Remembered(group_name))
    _titles: frozenset[str] = frozenset()
    _shared: frozenset[str] = frozenset()
    _group: str | None = None
    _is_unmarked: bool = False
    _mark: str = LEFT_TO_RIGHT
    _notice_entries: list[int] = field(default_factory=list[int])

    def read(self, entries: Entries) -> None:
        rests = entries.rests
        suspected = suspects(rests)
        self._shared = shared_bodies(suspected, self.layout)
        if self.layout.is_ios:
            self._titles = titles(rests, suspected, self.layout)
            self._is_unmarked = not any(map(has_own_mark, suspected))
            leftward = sum(RIGHT_TO_LEFT in rest for rest in suspected)
            if leftward > sum(LEFT_TO_RIGHT in rest for rest in suspected):
                self._mark = RIGHT_TO_LEFT
        number = 1
        for start in range(0, len(rests), _PART_ENTRIES):
            number = self._read_part(entries, start, number)
        self._place_lines(entries)

    def _read_part(self, entries: Entries, start: int, number: int) -> int:
        # The hot loop of an import.
        names, author_end = self.names.known, self.layout.author_end
        append, titled = self.messages.append, self._titles
        edges, heads, head = ODD_EDGES, ODD_HEADS, HEAD
        unmarked, mark = self._is_unmarked, self._mark
        text_kind, make = MessageKind.TEXT, make_message
        part = entries.rests[start : start + _PART_ENTRIES]
        ats = entries.ats[start : start + _PART_ENTRIES]
        for index, at, rest in zip(count(start), ats, part, strict=False):
            raw, end, body = rest.partition(author_end)
            author = names.get(raw)
            if author is None or not end:
                met = self.names.read(rest)
                if met is None:
                    self._note(index, at, rest)
                    continue
                author, body = met
            if (
                not body
                or body[0] in edges
                or body[-1] in edges
                or body[head] in heads
                or mark in body
                or "\n" in body
                or author in titled
                or (unmarked and body.startswith(author))
            ):
                odd = self._read_odd(body, author)
                if odd is None:
                    self._note(index, at, body)
                    continue
                append(make((number, at, author, odd.text, odd.kind, odd.edited)))
            else:
                append(make((number, at, author, body, text_kind, False)))
            number += 1
        return number

    def title(self, participants: Mapping[str, int]) -> str | None:
        """The group's name: told by an event, or the name over the encryption notice."""
        told = self._group or next(iter(sorted(self._titles - participants.keys())), None)
        return told[:TITLE_CHARS_MAX] if told else None

    def told_notices(self, names: frozenset[str]) -> list[Notice]:
        """The notices, with those who joined or left."""
        return [
            notice._replace(people=people_of(notice.text, notice.kind, names))
            for notice in self.notices
        ]

    def _read_odd(self, body: str, author: str) -> Body | None:
        if author in self._titles:
            return None
        if body in self._wordless:
            return self._wordless[body]
        odd = read_body(body, is_ios=self.layout.is_ios, shared=self._shared)
        if odd is None or (self._is_unmarked and self._is_event_of(author, body)):
            return None
        if odd.kind is MessageKind.MEDIA and "." in body:
            self.attached += 1
        elif odd.kind is not MessageKind.TEXT and "." not in body:
            self._wordless[body] = odd
        if "\n" in body and (foreign := foreign_headers(body, self.layout)):
            self.foreign_headers += foreign
            self.message_lines -= foreign
        return odd

    def _is_event_of(self, author: str, body: str) -> bool:
        """In an iOS export without its marks: `Nia: Nia left`."""
        return (
            body.startswith(f"{author} ")
            and "\n" not in body
            and not body.endswith("?")
            and kind_of(body) is not NoticeKind.UNKNOWN
            and is_whole_event(body[len(author) + 1 :])
        )

    def _note(self, index: int, at: datetime, text: str) -> None:
        if "\n" in text and (foreign := foreign_headers(text, self.layout)):
            self.foreign_headers += foreign
            self.notice_lines -= foreign
        self.notices.append(Notice(at, self._kinds[text], text))
        self._notice_entries.append(index)
        self._group = self._groups[text] or self._group

    def _place_lines(self, entries: Entries) -> None:
        """Every line of the file is of a message, of a notice, or one that looks like a header
        and is not: those are counted on their own."""
        lines = [1 + more for more in map(str.count, entries.rests, repeat("\n"))]
        own = list(map(sub, lines, entries.inside)) if entries.inside else lines
        in_notices = sum(own[entry] for entry in self._notice_entries)
        self.notice_lines += in_notices
        self.message_lines += sum(own) - in_notices
        if self.notices:
            firsts = list(accumulate(lines, initial=len(entries.preamble) + 1))
            self.notices = [
                notice._replace(line=firsts[entry])
                for notice, entry in zip(self.notices, self._notice_entries, strict=True)
            ]
