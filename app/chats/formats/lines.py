"""Exports of lines: an entry begins with a header, and lines without one go on with its text."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from app.chats.formats.assembly import Assembly
from app.chats.formats.text import clean_text, decode_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind

MONTHS: Mapping[str, int] = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
"""English months by their first three letters."""


class Entry(NamedTuple):
    """What a header begins: a message, or a notice if it has no author."""

    at: datetime
    author: str | None
    text: str


class Frame(NamedTuple):
    """A line that frames the messages, such as a date above those of a day."""

    text: str


class Words(NamedTuple):
    """A message's text once the marks of the export are taken off; a notice if `kind` is None."""

    text: str
    kind: MessageKind | None = MessageKind.TEXT
    edited: bool = False


ReadHeader = Callable[[str], Entry | Frame | None]
ReadWords = Callable[[str], Words]
ReadNotice = Callable[[str], tuple[NoticeKind, tuple[str, ...]]]


def lines_of(assembly: Assembly, raw: bytes) -> list[str]:
    """The lines of a file; bytes that mean nothing are replaced and counted."""
    text, assembly.replaced_bytes = decode_text(raw)
    return clean_text(text).removesuffix("\n").split("\n")


def read_lines(
    assembly: Assembly,
    lines: list[str],
    *,
    header: ReadHeader,
    words: ReadWords,
    notice: ReadNotice,
    preface_lines: int = 0,
) -> None:
    """Reads `lines`, of which the first `preface_lines` are the messenger's own title.

    Every line is counted once: with a message, with a notice, as blank or as unparsed.
    """
    assembly.notice_lines += preface_lines
    entry: Entry | Frame | None = None
    first, more = 0, list[str]()
    for number, line in enumerate(lines[preface_lines:], preface_lines + 1):
        met = header(line)
        if met is None:
            if isinstance(entry, Entry):
                more.append(line)
            elif line.strip():
                assembly.leave_out(number, line)
            else:
                assembly.blank_lines += 1
            continue
        if isinstance(entry, Entry):
            _finish(assembly, entry, more, first, words, notice)
        entry, first, more = met, number, []
        assembly.notice_lines += isinstance(met, Frame)
    if isinstance(entry, Entry):
        _finish(assembly, entry, more, first, words, notice)


def _finish(
    assembly: Assembly,
    entry: Entry,
    more: list[str],
    first: int,
    words: ReadWords,
    notice: ReadNotice,
) -> None:
    at, author, text = entry
    if more:
        text = "\n".join((text, *more)).rstrip("\n")
    if author is not None:
        said = words(text)
        if said.kind is not None:
            assembly.say(at, assembly.author(author), said.text, said.kind, said.edited)
            assembly.message_lines += 1 + len(more)
            return
        text = f"{author}: {said.text}"
    kind, people = notice(text)
    assembly.note(at, kind, text, people, first)
    assembly.notice_lines += 1 + len(more)
