"""Exports of lines: an entry begins with a header, and goes on to the next one."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import NamedTuple

from app.chats.formats.assembly import ME, Assembly
from app.chats.formats.text import read_text
from app.chats.formats.times import day_of
from app.chats.message import Message, MessageKind, make_message
from app.chats.transcript import EXAMPLE_CHARS_MAX, EXAMPLES_MAX, NoticeKind

MONTHS: Mapping[str, int] = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
"""English months by their first three letters."""

Entry = tuple[datetime | None, str | None, int]
"""What a header begins: a time and an author, who is None of a notice. No header is looked for
before the last, the end of a text between quotation marks; 0 of another."""
# So many messages bear out that a name goes on behind what ends one, and so far.
_SURE, _MORE_CHARS_MAX = 3, 50
FRAME: Entry = (None, None, 0)
"""A line that frames the messages, such as a date above those of a day."""


class Words(NamedTuple):
    """A message's text once the marks of the export are taken off; a notice if `kind` is None."""

    text: str
    kind: MessageKind | None = MessageKind.TEXT
    edited: bool = False


class Grammar(NamedTuple):
    """How an export is written.

    `header` matches a newline and what stands before a text; `read` gets what it has matched, and
    answers None where it is text after all; `words` gets a message's text, and gives it back where
    it is as it was typed; `notice` gets a notice's. `author_end` stands behind a name where names
    may hold it. With `one_line_notices` what stands below a notice belongs to nothing.
    """

    header: re.Pattern[str]
    read: Callable[[re.Match[str]], Entry | None]
    words: Callable[[str], Words | str]
    notice: Callable[[str], tuple[NoticeKind, tuple[str, ...]]]
    author_end: str = ""
    one_line_notices: bool = False


def english_day(written: str) -> date | None:
    """`Feb 13, 2024`; None if there is no such day."""
    month, day, year = written.split(" ")
    return day_of(int(year), MONTHS.get(month[:3].lower(), 0), int(day.rstrip(",")))


def text_of(assembly: Assembly, raw: bytes) -> str:
    """The text of a file behind a newline; bytes that mean nothing are replaced and counted."""
    text = read_text(raw)
    assembly.replaced_bytes = text.replaced
    return text.whole()


def read_lines(assembly: Assembly, text: str, grammar: Grammar, *, preface_lines: int = 0) -> None:
    """Reads what `text_of` gave; its first `preface_lines` are the messenger's own title.

    Every line is counted once: with a message, with a notice, as blank or as unparsed.
    """
    others = _Others(assembly, text, grammar, preface_lines)
    # The hot loop of all formats of lines.
    read, words, names, messages = grammar.read, grammar.words, assembly.names, assembly.messages
    text_kind, make = MessageKind.TEXT, make_message
    at, author, until, begins, body_at = None, None, 0, 0, 0
    for met in grammar.header.finditer(text):
        start, end = met.span()
        if start < until:
            continue
        if (begun := read(met)) is None:
            if at is not None:
                others.refused.append((start, author is None))
            continue
        if at is None or author is None:
            others.read(at, author, begins, body_at, start)
        elif isinstance(said := words(text[body_at:start].rstrip("\n")), str) and said:
            name = names.get(author) or assembly.author(author)
            messages.append(make((len(messages) + 1, at, name, said, text_kind, False)))
        else:
            others.read_said(at, author, said, begins, start)
        at, author, until = begun
        begins, body_at = start, end
    others.read(at, author, begins, body_at, len(text))
    others.end()
    if grammar.author_end:
        _join_names(assembly, grammar)


def _join_names(assembly: Assembly, grammar: Grammar) -> None:
    """`ACME: Support`, where all of several messages under `ACME` begin with `Support: `."""
    end, messages = grammar.author_end, assembly.messages
    beginnings: dict[str, str] = {ME: "", "You": ""}
    undecided = set(assembly.names.values()) - beginnings.keys()
    for _, _, author, text, _, _ in messages:
        more = beginnings.get(author)
        if more is None:
            more = beginnings[author] = text.partition(end)[0] + end
        if more and not text.startswith(more):
            beginnings[author] = ""
            undecided.discard(author)
            if not undecided:
                return
    for author, more in beginnings.items():
        if not more or len(more) > _MORE_CHARS_MAX or "\n" in more:
            continue
        places = [place for place, told in enumerate(messages) if told.author == author]
        if len(places) < _SURE:
            continue
        name = assembly.author(f"{author}{end}{more.removesuffix(end)}")
        for place in places:
            told = messages[place]
            messages[place] = _under(name, told, grammar.words(told.text[len(more) :]))


def _under(name: str, told: Message, said: Words | str) -> Message:
    said = Words(said) if isinstance(said, str) else said
    kind = said.kind or told.kind
    if not said.text and kind is MessageKind.TEXT:
        kind = MessageKind.EMPTY
    return told._replace(author=name, text=said.text, kind=kind, edited=said.edited)


class _Others:
    """All but plain messages, and the lines that all of them take.

    The lines of messages are counted together, up to the next of something else.
    """

    def __init__(self, assembly: Assembly, text: str, grammar: Grammar, preface_lines: int) -> None:
        self._assembly, self._text, self._grammar = assembly, text, grammar
        self._preface_lines = preface_lines
        self._counted_to = 0
        self._line = 1
        # Where a header stands that has no time, and whether that is in a notice.
        self.refused: list[tuple[int, bool]] = []

    def read(
        self, at: datetime | None, author: str | None, start: int, body_at: int, end: int
    ) -> None:
        """An entry of any kind, or what stands before the first header."""
        body = self._text[body_at:end].rstrip("\n")
        if at is not None and author is not None:
            self.read_said(at, author, self._grammar.words(body), start, end)
        elif at is not None:
            self._read_notice(at, body, start, end)
        elif body_at:
            self._read_frame(start, end)
        else:
            self._read_preface(end)

    def read_said(self, at: datetime, author: str, told: Words | str, start: int, end: int) -> None:
        """A message, or what the messenger writes under a name."""
        said = told if isinstance(told, Words) else Words(told)
        if said.kind is None:
            self._read_notice(at, f"{author}: {said.text}", start, end)
        else:
            assembly = self._assembly
            assembly.say(at, assembly.author(author), said.text, said.kind, said.edited)

    def end(self) -> None:
        """To be called behind the last entry."""
        self._assembly.message_lines += self._take(len(self._text))
        self._tell_refused()

    def _read_preface(self, end: int) -> None:
        titles = self._preface_lines
        lines = self._text[:end].split("\n")[1:]
        self._assembly.notice_lines += min(titles, len(lines))
        self._count_loose(lines[titles:], titles + 1)
        self._take(end)

    def _read_frame(self, start: int, end: int) -> None:
        """A line that frames messages, and what stands loose below it."""
        self._assembly.message_lines += self._take(start)
        self._count_loose(self._text[start:end].split("\n")[2:], self._line + 1)
        self._assembly.notice_lines += 1
        self._take(end)

    def _read_notice(self, at: datetime, text: str, start: int, end: int) -> None:
        self._assembly.message_lines += self._take(start)
        if is_one_line := self._grammar.one_line_notices:
            text = text.partition("\n")[0]
        kind, people = self._grammar.notice(text)
        self._assembly.note(at, kind, text, people, self._line)
        if is_one_line:
            self._count_loose(self._text[start:end].split("\n")[2:], self._line + 1)
            self._take(end)
        self._assembly.notice_lines += 1 if is_one_line else self._take(end)

    def _tell_refused(self) -> None:
        """Headers with a time that does not exist: text of what stands above them, and told."""
        for at, is_of_notice in self.refused:
            if is_of_notice and self._grammar.one_line_notices:
                continue  # It is counted already, as what stands below a notice.
            is_shown = self._assembly.unparsed_lines < EXAMPLES_MAX
            line = self._text.count("\n", 0, at + 1) if is_shown else 0
            shown = self._text[at + 1 : at + 1 + EXAMPLE_CHARS_MAX].partition("\n")[0]
            self._assembly.leave_out(line, shown)
            if is_of_notice:
                self._assembly.notice_lines -= 1
            else:
                self._assembly.message_lines -= 1

    def _take(self, end: int) -> int:
        """How many lines there are up to `end` that are not counted yet."""
        lines = self._text.count("\n", self._counted_to, end)
        self._counted_to = end
        self._line += lines
        return lines

    def _count_loose(self, lines: list[str], first: int) -> None:
        for number, line in enumerate(lines, first):
            if line.strip():
                self._assembly.leave_out(number, line)
            else:
                self._assembly.blank_lines += 1
