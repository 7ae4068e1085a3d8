"""The rows of a CSV file, whatever stands in it.

Rows are read by one expression for the columns of the header, in half the time of the csv module.
Rows of other columns are written anew so; from what is no proper CSV on, the csv module reads the
file and decides what it means.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain, islice
from operator import itemgetter

from app.chats.formats.text import Text

LINE_CHARS_MAX = 1 << 17
_PART_BYTES = 1 << 15
_BATCH_ROWS = 512

Groups = tuple[str, ...]


def header_of(text: str) -> list[str]:
    """The names of the columns, in the first line."""
    first = text.partition("\n")[0]
    rows = csv.reader([first], delimiter=_delimiter_of(first))
    return [name.strip() for row in rows for name in row]


def bare(value: str) -> str:
    """A value without its quotation marks."""
    return value[1:-1].replace('""', '"') if value[:1] == '"' else value


def _delimiter_of(header: str) -> str:
    """What stands between the columns: spreadsheets write a comma, a semicolon or a tab."""
    return max(",;\t", key=header.count)


def rows_of(text: Text) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and rows behind the header; an empty row for one that no CSV has."""
    delimiter = _delimiter_of(text.beginning()[1:].partition("\n")[0])
    return islice(_rows_of(text.parts(least_bytes=_PART_BYTES), delimiter), 1, None)


class Rows:
    """The rows behind the header, in batches. Of each, `own` gives the columns that are a row's
    own as they are written, and `shared` those that many rows share, as a key for `values_of`;
    `told_of` tells the line and the text of one of the last batch."""

    def __init__(self, text: Text, own: Sequence[int | None], shared: Sequence[int] = ()) -> None:
        self._text = text
        header = text.beginning()[1:].partition("\n")[0]
        self._delimiter = delimiter = _delimiter_of(header)
        self._width = width = len(header_of(header))
        firsts = [place for place in shared if place - 1 not in shared]
        groups = sorted([*firsts, *(place for place in own if place is not None)])
        value = rf'(?:[^"\n{delimiter}]++|"[^"]*+(?:""[^"]*+)*+"|)'
        row = delimiter.join(
            "(" * (place in groups)
            + value
            + ")" * (place in own or (place in shared and place + 1 not in shared))
            for place in range(width)
        )
        # Two groups behind: one for the columns that are missing, one of a row in no such form.
        self._row = re.compile(rf"\n{row}(?=\n|\Z)()|(\n)")
        self._proper = re.compile(rf"(?:\n{value}(?:{delimiter}{value})*+)*+")
        self._values = re.compile(rf"(?:\A|{delimiter})({value})")
        missing = len(groups)
        self.own = itemgetter(*(missing if p is None else groups.index(p) for p in own))
        self.shared = itemgetter(*map(groups.index, firsts), missing, missing)
        self._lines_before, self._read, self._skipped = 0, "", 1
        self._told: list[tuple[int, list[str]]] = []

    def __iter__(self) -> Iterator[list[Groups]]:
        parts = self._text.parts(least_bytes=_PART_BYTES)
        for part in parts:
            while part.count('"') % 2 and len(part) <= LINE_CHARS_MAX:
                if not (more := next(parts, "")):
                    break
                part += more  # It was cut inside a value.
            rows: list[Groups] = self._row.findall(part)
            if len(part) > LINE_CHARS_MAX or "\n" in map(itemgetter(-1), rows):
                if len(part) > LINE_CHARS_MAX or not self._proper.fullmatch(part):
                    yield from self._by_csv(chain([part], parts))
                    return
                yield from self._by_csv([part])
            else:
                self._read = part
                yield rows[self._skipped :]
            self._lines_before += part.count("\n")
            self._skipped = 0

    def values_of(self, key: Groups) -> list[str]:
        """The shared columns of a row, from left to right."""
        return [bare(value) for run in key[:-2] for value in self._values.findall(run)]

    def told_of(self, index: int) -> tuple[int, str]:
        """The line in which the row of this index ends, and its values."""
        if not self._read:
            line, row = self._told[index]
        else:
            met = next(islice(self._row.finditer(self._read), index + self._skipped, None))
            line = self._lines_before + self._read.count("\n", 0, met.end())
            row = [bare(value) for value in self._values.findall(met[0][1:])]
        return line, ",".join(row).rstrip(",")

    def _by_csv(self, parts: Iterable[str]) -> Iterator[list[Groups]]:
        self._read = ""
        rows = _rows_of(parts, self._delimiter, self._lines_before)
        rows = islice(rows, self._skipped, None)
        while batch := list(islice(rows, _BATCH_ROWS)):
            self._told = batch
            yield self._row.findall("".join(self._written(row) for _, row in batch))

    def _written(self, row: list[str]) -> str:
        """A row with the header's columns, behind a newline."""
        values = (value.replace('"', '""') for value in (row + [""] * self._width)[: self._width])
        return "\n" + self._delimiter.join(f'"{value}"' for value in values)


def _rows_of(
    parts: Iterable[str], delimiter: str, lines_before: int = 0
) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(chain.from_iterable(map(_lines, parts)), delimiter=delimiter)
    while True:
        try:
            for row in reader:
                if row:
                    yield lines_before + reader.line_num, row
            return
        except csv.Error:
            yield lines_before + reader.line_num, [""]


def _lines(part: str) -> Iterable[str]:
    """The lines of a part, cut where they are longer than any that an exporter writes."""
    if len(part) <= LINE_CHARS_MAX:
        return StringIO(f"{part[1:]}\n", newline="\n")
    return [f"{line[: LINE_CHARS_MAX - 1]}\n" for line in part[1:].split("\n")]
