"""JSON exports read a window at a time, so that memory does not grow with the file.

A window is cut where an element is expected to end. If it was cut elsewhere, inside an object or
a text, it is no JSON, so that a wrong guess is never taken for right: then its elements are found
one by one.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

import orjson

from app.chats.formats.text import encoding_of, utf8_of

WINDOW_BYTES = 64 * 1024
ELEMENT_BYTES_MAX = 1 << 18  # Parsing takes twelve times as much.
_SHOWN_BYTES_MAX = 400

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_GAP = re.compile(rb"[\s,]*")
_SCALAR = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^\s,\[\]{}"]+', re.DOTALL)
_OPENING = re.compile(rb'[\[{]\s*(?:"[^"\\]{0,64}")?')
# Telegram writes control characters as \x0F, which is no JSON.
_HEX_ESCAPE = re.compile(rb"(?<!\\)((?:\\\\)*)\\x([0-9A-Fa-f]{2})")
_LONE_SURROGATE = re.compile(
    rb"(?i)(?<!\\)((?:\\\\)*)"
    rb"(?:(\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2})|\\ud[89a-f][0-9a-f]{2})"
)
_CONTROL = re.compile(rb"[\x00-\x1f]")
_NUL = b"\\u0000"


class Elements:
    """The elements of an array, of which `start` is the first byte inside, in order and in lists.

    Afterwards `end` is behind the array, `unread` holds the beginnings of elements that are no
    JSON, `replaced` counts bytes that mean nothing, and `is_cut` says that the text ends inside.
    """

    def __init__(self, raw: bytes, start: int) -> None:
        self._raw = raw
        self._at = start
        self._separator = b""
        self.unread: list[bytes] = []
        self.replaced = 0
        self.is_cut = False

    @property
    def end(self) -> int:
        return self._at

    def __iter__(self) -> Iterator[list[Any]]:
        while True:
            if self._separator:
                yield from self._windows()
            if not (yield from self._one_by_one(self._at + WINDOW_BYTES)):
                return

    def _windows(self) -> Iterator[list[Any]]:
        """Whole windows, as long as the guess where to cut is right."""
        raw, view = self._raw, memoryview(self._raw)
        while True:
            cut = raw.rfind(self._separator, self._at, self._at + WINDOW_BYTES)
            if cut < 0:
                return
            start = self._gap_end(self._at)
            try:
                elements = orjson.loads(b"".join((b"[", view[start : cut + 1], b"]")))
            except orjson.JSONDecodeError:
                return
            self._at = cut + 1
            yield elements

    def _one_by_one(self, until: int) -> Generator[list[Any], None, bool]:
        """The elements that begin before `until`; returns whether there may be more."""
        raw, ends = self._raw, 0
        while self._at < until:
            start = self._gap_end(self._at)
            if start >= len(raw) or raw[start] in b"]}":
                self.is_cut |= start >= len(raw)
                self._at = min(start + 1, len(raw))
                return False
            end = self._element_end(start)
            if ends and not self._separator and (opening := _OPENING.match(raw, start)):
                self._separator = raw[ends - 1 : opening.end()]
            ends = self._at = end
            element = raw[start : min(end, start + ELEMENT_BYTES_MAX + 1)]
            self.replaced += _meaningless(element)
            if (parsed := _parsed(element)) is None:
                self.unread.append(element[:_SHOWN_BYTES_MAX])
            else:
                yield [parsed]
        return True

    def _gap_end(self, at: int) -> int:
        found = _GAP.match(self._raw, at)
        return found.end() if found else at

    def _element_end(self, start: int) -> int:
        raw = self._raw
        if raw[start] not in b"{[":
            scalar = _SCALAR.match(raw, start)
            return scalar.end() if scalar else start + 1
        depth = 0
        for token in _TOKEN.finditer(raw, start):
            match raw[token.start()]:
                case 0x7B | 0x5B:  # { [
                    depth += 1
                case 0x7D | 0x5D:  # } ]
                    depth -= 1
                    if not depth:
                        return token.end()
                case _:
                    pass
        self.is_cut = True
        return len(raw)


def arrays(raw: bytes, key: str) -> Iterator[tuple[bytes, Elements]]:
    """Each array under `key` and what stands before it; elements must be read before the next.

    A quotation mark in a text is escaped, so that no text is taken for a key.
    """
    named = re.compile(rb'(?<!\\)"%s"\s*:\s*\[' % key.encode())
    at = 0
    while found := named.search(raw, at):
        elements = Elements(raw, found.end())
        yield raw[at : found.start()], elements
        at = max(found.end(), elements.end)


def elements_of_lines(raw: bytes) -> Iterator[tuple[int, Any]]:
    """Line numbers and elements of JSON Lines, blank lines left out; None for what is no JSON."""
    return chain.from_iterable(_windows_of_lines(raw))


def _windows_of_lines(raw: bytes) -> Iterator[Iterable[tuple[int, Any]]]:
    at, number = 0, 1
    while at < len(raw):
        end = raw.rfind(b"\n", at, at + WINDOW_BYTES)
        if end < 0:
            end = raw.find(b"\n", at)
        window = raw[at:end] if end >= 0 else raw[at:]
        lines = window.count(b"\n") + 1
        yield _elements_of(window, number, lines)
        at, number = at + len(window) + 1, number + lines


def _elements_of(window: bytes, number: int, lines: int) -> Iterable[tuple[int, Any]]:
    """Of whole lines: all at once, where each is an element."""
    if len(window) <= WINDOW_BYTES:
        elements: list[Any] = []
        with suppress(orjson.JSONDecodeError):
            elements = orjson.loads(b"[" + window.replace(b"\n", b",") + b"]")
        if len(elements) == lines:
            return enumerate(elements, number)
    written = enumerate(map(_bare, window.split(b"\n")), number)
    return ((at, _parsed(line)) for at, line in written if line)


def _bare(line: bytes) -> bytes:
    return line.strip().removesuffix(b",")


def plain_json(raw: bytes) -> bytes:
    """`raw` as UTF-8 without a byte order mark and without NUL."""
    encoding, skip = encoding_of(raw)
    if encoding != "utf-8":
        raw = raw[skip:].decode(encoding, "replace").encode()
    elif skip:
        raw = raw[skip:]
    # Searching from the end takes a quarter of the time of `in`.
    return raw.replace(_NUL, b"\\ufffd") if raw.rfind(_NUL) >= 0 else raw


def json_head(head: bytes) -> bytes:
    """A file's beginning as `plain_json` makes it, from its first character on."""
    return plain_json(head).lstrip()


def field_of(head: bytes, name: str) -> Any:
    """The last text or number under `name` in an object's beginning; None if there is none."""
    pattern = rb'"%s"\s*:\s*("[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d{1,20})' % name.encode()
    found = re.findall(pattern, head[-_HEAD_TAIL_BYTES:])
    return _parsed(found[-1]) if found else None


_HEAD_TAIL_BYTES = 16 * 1024


def _parsed(element: bytes) -> Any:
    if len(element) > ELEMENT_BYTES_MAX:
        return None
    for form in (bytes, _repaired):
        try:
            return orjson.loads(form(element))
        except orjson.JSONDecodeError:
            continue
    return None


def _meaningless(element: bytes) -> int:
    """How many bytes, or runs of them, of `element` are no UTF-8."""
    try:
        element.decode()
    except UnicodeDecodeError:
        return utf8_of(element)[1]
    return 0


def _repaired(element: bytes) -> bytes:
    element = element.decode("utf-8", "replace").encode()
    element = _HEX_ESCAPE.sub(rb"\1\\u00\2", element).replace(_NUL, b"\\ufffd")
    element = _LONE_SURROGATE.sub(lambda m: m[1] + (m[2] or b"\\ufffd"), element)
    return _CONTROL.sub(b" ", element)
