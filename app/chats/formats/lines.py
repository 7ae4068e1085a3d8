"""Exports of lines: an entry begins with a header, and goes on to the next one."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import NamedTuple

from app.chats.formats.assembly import YEAR_MAX, YEAR_MIN, Assembly
from app.chats.formats.text import clean_text, decode_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind

MONTHS: Mapping[str, int] = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
"""English months by their first three letters."""


class Entry(NamedTuple):
    """What a header begins: a message, or a notice if it has no author. No header is looked for
    before `until`, the end of a text between quotation marks."""

    at: datetime
    author: str | None
    until: int = 0


class Frame(NamedTuple):
    """A line that frames the messages, such as a date above those of a day."""

    until: int = 0


FRAME = Frame()


class Words(NamedTuple):
    """A message's text once the marks of the export are taken off; a notice if `kind` is None."""

    text: str
    kind: MessageKind | None = MessageKind.TEXT
    edited: bool = False


class Grammar(NamedTuple):
    """How an export is written.

    `header` matches a newline and what stands before a text; `read` gets what it has matched, and
    answers None where it is text after all; `words` gets a message's text, `notice` a notice's.
    """

    header: re.Pattern[str]
    read: Callable[[re.Match[str]], Entry | Frame | None]
    words: Callable[[str], Words]
    notice: Callable[[str], tuple[NoticeKind, tuple[str, ...]]]


def text_of(assembly: Assembly, raw: bytes) -> str:
    """The text of a file behind a newline; bytes that mean nothing are replaced and counted."""
    text, assembly.replaced_bytes = decode_text(raw)
    return "\n" + clean_text(text).removesuffix("\n")


def read_lines(assembly: Assembly, text: str, grammar: Grammar, *, preface_lines: int = 0) -> None:
    """Reads what `text_of` gave; its first `preface_lines` are the messenger's own title.

    Every line is counted once: with a message, with a notice, as blank or as unparsed.
    """
    entry: Entry | Frame | None = None
    begins, body_at, until, line = 0, 0, 0, 1
    for met in grammar.header.finditer(text):
        start = met.start()
        if start < until or (read := grammar.read(met)) is None:
            continue
        lines = text.count("\n", begins, start)
        if entry is None:
            _read_preface(assembly, text[:start], preface_lines)
        else:
            _finish(assembly, grammar, entry, text[body_at:start], line, lines)
        line += lines
        entry, begins, body_at, until = read, start, met.end(), read.until
    if entry is None:
        _read_preface(assembly, text, preface_lines)
    else:
        lines = text.count("\n", begins)
        _finish(assembly, grammar, entry, text[body_at:], line, lines)


def _read_preface(assembly: Assembly, preface: str, titles: int) -> None:
    """What stands before the first header."""
    lines = preface.split("\n")[1:]
    assembly.notice_lines += min(titles, len(lines))
    _count_loose(assembly, lines[titles:], titles + 1)


def _count_loose(assembly: Assembly, lines: list[str], first: int) -> None:
    for number, line in enumerate(lines, first):
        if line.strip():
            assembly.leave_out(number, line)
        else:
            assembly.blank_lines += 1


def _finish(
    assembly: Assembly, grammar: Grammar, entry: Entry | Frame, text: str, line: int, lines: int
) -> None:
    """An entry that began in `line` and has so many `lines`."""
    if isinstance(entry, Frame):
        _count_loose(assembly, text.split("\n")[1:], line + 1)
        assembly.notice_lines += 1
        return
    if text.endswith("\n"):
        text = text.rstrip("\n")
    if entry.author is not None:
        said = grammar.words(text)
        if said.kind is not None:
            author = assembly.author(entry.author)
            assembly.say(entry.at, author, said.text, said.kind, said.edited)
            assembly.message_lines += lines
            return
        text = f"{entry.author}: {said.text}"
    kind, people = grammar.notice(text)
    assembly.note(entry.at, kind, text, people, line)
    assembly.notice_lines += lines


def wall_time(
    day: tuple[int, int, int], hour: int, minute: int, second: int, tz: tzinfo
) -> datetime | None:
    """A time of a day (year, month, day); None if there is none such in a chat."""
    year, month, number = day
    if not YEAR_MIN <= year <= YEAR_MAX:
        return None
    try:
        return datetime(year, month, number, hour, minute, second, tzinfo=tz)
    except ValueError:
        return None


def iso_time(written: str, tz: tzinfo) -> datetime | None:
    """A wall time as ISO 8601 writes it; None if it is none, or there is none such in a chat."""
    try:
        at = datetime.fromisoformat(written).replace(tzinfo=tz)
    except ValueError:
        return None
    return at if YEAR_MIN <= at.year <= YEAR_MAX else None
