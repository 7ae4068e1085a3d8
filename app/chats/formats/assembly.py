"""A transcript in the making, for formats that tell the author and the time of each message."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from operator import attrgetter, lt
from typing import Any

import orjson

from app.chats.formats.json_stream import Elements, elements_of_lines
from app.chats.message import Message, MessageKind, make_message
from app.chats.transcript import (
    AUTHOR_CHARS_MAX,
    EXAMPLE_CHARS_MAX,
    EXAMPLES_MAX,
    PARTICIPANTS_MAX,
    TITLE_CHARS_MAX,
    DateOrder,
    EmptyChat,
    Example,
    ExampleKind,
    ImportReport,
    Notice,
    NoticeKind,
    OrderConfidence,
    TooManyParticipants,
    Transcript,
)

SPELLINGS_MAX = 2 * PARTICIPANTS_MAX
UNNAMED = "Unknown"
ME = "Me"
"""Who made the export, where it does not tell the name."""
OTHER_FORM = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, OSError)
"""What reading an element raises that has another form than expected."""


@dataclass(slots=True)
class Assembly:
    """Messages and notices as a reader comes to them. `names` holds what `author` has answered,
    for hot loops; who is not in it yet must be asked for."""

    format: str
    messenger: str
    messages: list[Message] = field(default_factory=list[Message])
    notices: list[Notice] = field(default_factory=list[Notice])
    names: dict[Hashable, str] = field(default_factory=dict[Hashable, str])
    title: str | None = None
    date_order: DateOrder | None = None
    order_confidence: OrderConfidence | None = None
    replaced_bytes: int = 0
    is_cut: bool = False
    message_lines: int = 0
    notice_lines: int = 0
    unparsed_lines: int = 0
    blank_lines: int = 0
    unsaid: set[str] = field(default_factory=set[str])
    _examples: list[Example] = field(default_factory=list[Example])
    _shown: dict[ExampleKind, int] = field(default_factory=dict[ExampleKind, int])
    _owners: dict[str, Hashable] = field(default_factory=dict[str, Hashable])

    def author(self, key: Hashable, name: str | None = None) -> str:
        """The name under which the person `key` writes; two who share a name are told apart.

        Raises TypeError for what is no name, and TooManyParticipants.
        """
        known = self.names.get(key)
        return self._new_author(key, name if name is not None else key) if known is None else known

    def namesake(self, name: str) -> str:
        """The person of this name, whose id is not told this time."""
        shown = " ".join(name.split())[:AUTHOR_CHARS_MAX].strip()
        return self.author(self._owners.get(shown, name), name)

    def say(
        self,
        at: datetime,
        author: str,
        text: str,
        kind: MessageKind = MessageKind.TEXT,
        edited: bool = False,
    ) -> None:
        """A message by a person, at a time as `times` reads them. Raises TypeError for what is no
        text."""
        if not text and kind is MessageKind.TEXT:
            kind = MessageKind.EMPTY
        if text.__class__ is not str:
            raise TypeError("a text is no text")
        said = self.messages
        said.append(make_message((len(said) + 1, at, author, text, kind, edited)))

    def note(
        self,
        at: datetime,
        kind: NoticeKind,
        text: str,
        people: Iterable[str] = (),
        line: int = 0,
    ) -> None:
        """A line or an event of the messenger itself."""
        self.notices.append(Notice(at, kind, text, line, tuple(people)))
        if kind is NoticeKind.UNKNOWN:
            self.show("unknown_notice", line, text)

    def leave_out(self, line: int, text: str, *, lines: int = 1) -> None:
        """What could be read as neither: counted, and the first ones shown."""
        self.unparsed_lines += lines
        self.show("unparsed_line", line, text)

    def show(self, kind: ExampleKind, line: int, text: str) -> None:
        """An example for the user to look at."""
        shown = self._shown.get(kind, 0)
        if shown < EXAMPLES_MAX:
            self._shown[kind] = shown + 1
            self._examples.append(Example(kind, line, text[:EXAMPLE_CHARS_MAX]))

    def lacks(self, *told: str) -> None:
        """The format does not say this: `time_zone`, `author`, `year`."""
        self.unsaid.update(told)

    def read_elements(
        self, elements: Iterable[list[Any]], read: Callable[["Assembly", Any], None]
    ) -> None:
        """Reads each element; one of another form is counted as unparsed."""
        for batch in elements:
            for element in batch:
                try:
                    read(self, element)
                except OTHER_FORM:
                    self.leave_out_element(element)

    def read_element_lines(self, raw: bytes, read: Callable[["Assembly", int, Any], None]) -> None:
        """Reads each line of JSON Lines; `read` gets its number."""
        for number, told in elements_of_lines(raw):
            try:
                read(self, number, told)
            except OTHER_FORM:
                self.leave_out(number, str(told))
        self.message_lines, self.notice_lines = len(self.messages), len(self.notices)
        told = self.message_lines + self.notice_lines + self.unparsed_lines
        self.blank_lines = raw.count(b"\n") + (not raw.endswith(b"\n")) - told

    def leave_out_element(self, element: Any) -> None:
        """An element of another form than expected."""
        is_shown = self.unparsed_lines < EXAMPLES_MAX
        shown = orjson.dumps(element, default=str) if is_shown else b""
        self.leave_out(0, shown[: 4 * EXAMPLE_CHARS_MAX].decode("utf-8", "ignore"))

    def take_unread(self, elements: Elements) -> None:
        """What an array held that is no JSON; a file that ends inside it is cut off."""
        for beginning in elements.unread:
            self.leave_out(0, beginning.decode("utf-8", "ignore"))
        self.is_cut |= elements.is_cut
        self.replaced_bytes += elements.replaced

    def transcript(self) -> Transcript:
        """All of it, in order of time. Raises EmptyChat and TooManyParticipants."""
        if not self.messages:
            raise EmptyChat
        participants = dict(Counter(map(attrgetter("author"), self.messages)).most_common())
        if len(participants) > PARTICIPANTS_MAX:
            raise TooManyParticipants(participants_max=PARTICIPANTS_MAX)
        return Transcript(
            messages=_in_order(self.messages),
            title=(self.title and self.title[:TITLE_CHARS_MAX]) or None,
            participants=participants,
            report=self._report(),
            notices=self.notices,
        )

    def _report(self) -> ImportReport:
        return ImportReport(
            format=self.format,
            messenger=self.messenger,
            date_order=self.date_order,
            order_confidence=self.order_confidence,
            unparsed_lines=self.unparsed_lines,
            possibly_truncated=self.is_cut,
            notices=len(self.notices),
            unknown_notices=sum(n.kind is NoticeKind.UNKNOWN for n in self.notices),
            replaced_bytes=self.replaced_bytes,
            unsaid=tuple(sorted(self.unsaid)),
            examples=tuple(self._examples),
            message_lines=self.message_lines,
            notice_lines=self.notice_lines,
            blank_lines=self.blank_lines,
        )

    def _new_author(self, key: Hashable, name: Any) -> str:
        if name.__class__ is not str:
            raise TypeError("a name is no text")
        if len(self.names) >= SPELLINGS_MAX:
            raise TooManyParticipants(participants_max=PARTICIPANTS_MAX)
        plain = shown = " ".join(name.split())[:AUTHOR_CHARS_MAX].strip() or UNNAMED
        # Without an id it is the name that tells who it is, however its blanks are written.
        owner = plain if key == name else key
        namesakes = 1
        while self._owners.setdefault(shown, owner) != owner:
            namesakes += 1
            shown = f"{plain} ({namesakes})"
        self.names[key] = shown
        return shown


def _in_order(messages: list[Message]) -> list[Message]:
    """By time, as they stood where that is the same; exports begin with the newest, too."""
    at_of = attrgetter("at")
    ats = list(map(at_of, messages))
    backwards = sum(map(lt, islice(ats, 1, None), ats))
    if not backwards:
        return messages
    if backwards * 2 > len(messages):
        messages.reverse()
    messages.sort(key=at_of)
    return [make_message((number,) + told[1:]) for number, told in enumerate(messages, 1)]  # noqa: RUF005
