"""The rows of a CSV file, whatever stands in it."""

import csv
from collections.abc import Iterator

LINE_CHARS_MAX = 1 << 17


def header_of(text: str) -> list[str]:
    """The names of the columns, in the first line."""
    first = text.partition("\n")[0]
    return [name.strip() for row in csv.reader([first]) for name in row]


def rows_of(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and rows behind the header; an empty row for one that no CSV has."""
    reader = csv.reader(_lines(text))
    next(reader, None)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            row = [""]
        if row:
            yield reader.line_num, row


def _lines(text: str) -> Iterator[str]:
    """The lines of `text`, cut where they are longer than any that an exporter writes."""
    at = 0
    while at < len(text):
        end = text.find("\n", at) + 1 or len(text)
        yield text[at:end] if end - at <= LINE_CHARS_MAX else text[at : at + LINE_CHARS_MAX]
        at = end
