"""The rows of a CSV file, whatever stands in it."""

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from itertools import chain

from app.chats.formats.text import Text

LINE_CHARS_MAX = 1 << 17
_PART_BYTES = 1 << 16


def header_of(text: str) -> list[str]:
    """The names of the columns, in the first line."""
    first = text.partition("\n")[0]
    rows = csv.reader([first], delimiter=_delimiter_of(first))
    return [name.strip() for row in rows for name in row]


def _delimiter_of(header: str) -> str:
    """What stands between the columns: spreadsheets write a comma, a semicolon or a tab."""
    return max(",;\t", key=header.count)


def rows_of(text: Text) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and rows behind the header; an empty row for one that no CSV has."""
    parts = text.parts(least_bytes=_PART_BYTES)
    delimiter = _delimiter_of(text.beginning()[1:].partition("\n")[0])
    reader = csv.reader(chain.from_iterable(map(_lines, parts)), delimiter=delimiter)
    next(reader, None)
    while True:
        try:
            for row in reader:
                if row:
                    yield reader.line_num, row
            return
        except csv.Error:
            yield reader.line_num, [""]


def ends_open(text: Text) -> bool:
    """The file ends inside quotation marks: it is cut off, or one of them stands alone, so that
    rows behind it are read as one."""
    return text.encoded.count(b'"') % 2 == 1


def _lines(part: str) -> Iterable[str]:
    """The lines of a part, cut where they are longer than any that an exporter writes."""
    if len(part) <= LINE_CHARS_MAX:
        return StringIO(f"{part[1:]}\n", newline="\n")
    return [f"{line[: LINE_CHARS_MAX - 1]}\n" for line in part[1:].split("\n")]
