"""The text of a file, whatever a messenger or an editor made of its encoding.

It is kept in UTF-8 and decoded a part at a time: one emoji makes Python hold each character of a
text in four bytes.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.chats.transcript import UnrecognisedFormat

PART_BYTES = 1 << 20
"""So much is decoded at a time, and on to the end of its line."""
_BROKEN_BYTES = 1 << 16
_SAMPLE_BYTES = 1_000_000
_CONTROLS_SHARE_MAX = 0.01
_REPLACED_SHARE_MAX = 0.01
_REPLACED_FLOOR = 16
_REPLACEMENT = "\ufffd"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # Begins as the mark of UTF-16 does.
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_BEGINNING_BYTES, _BEGINNING_NULS = 64, 8
# What editors and old file systems put behind a text.
_PADDING = b"\0\x1a"
# What ends a line in a file without a newline.
_ODD_NEWLINES = re.compile("[\x0b\x0c\x85\u2028\u2029]")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text in UTF-8 with plain newlines. What is read of it has one before each line and
    none behind the last, so that a file with one need not be copied. `replaced` counts the bytes
    that were replaced because they mean nothing."""

    encoded: bytes
    replaced: int = 0

    def parts(self, *, least_bytes: int = PART_BYTES) -> Iterator[str]:
        """The text in parts, each of whole lines with a newline before them."""
        view, start, stop = memoryview(self.encoded), 0, self._stop
        before = "\n"
        while start < stop:
            end = _line_end(self.encoded, start + least_bytes, stop)
            yield before + str(view[start:end], "utf-8")
            start, before = end, ""

    def beginning(self) -> str:
        """The first part."""
        return next(self.parts(), "")

    def whole(self) -> str:
        """All of it at once."""
        return (b"\n" + memoryview(self.encoded)[: self._stop]).decode()

    @property
    def _stop(self) -> int:
        return len(self.encoded) - self.encoded.endswith(b"\n")


def read_text(raw: bytes) -> Text:
    """The text of `raw`, in the encoding that `encoding_of` tells.

    Raises UnrecognisedFormat for a binary, and where more than a few bytes and one in a hundred
    are replaced.
    """
    plain, replaced = utf8_of(raw)
    plain = plain.rstrip(_PADDING)
    if replaced > max(_REPLACED_FLOOR, len(raw) * _REPLACED_SHARE_MAX):
        raise UnrecognisedFormat("The file is not text in UTF-8, UTF-16 or UTF-32.")
    # Looking for a byte takes a tenth of the time of counting it.
    nuls = plain.count(b"\0") if b"\0" in plain else 0
    if plain.count(b"\0", 0, _SAMPLE_BYTES) > max(
        _REPLACED_FLOOR, min(len(plain), _SAMPLE_BYTES) * _CONTROLS_SHARE_MAX
    ):
        raise UnrecognisedFormat("The file is binary, not text.")
    return Text(_lines(plain), replaced + nuls)


def as_text(written: str) -> Text:
    """What `read_text` makes of a text that is decoded already."""
    return Text(_lines(clean_text(written).encode()))


def clean_text(text: str) -> str:
    """`text` without a byte order mark, with plain newlines, fit for storage as UTF-8."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n")
    if "\n" not in text:
        text = _ODD_NEWLINES.sub("\n", text)
    return text if _is_storable(text) else _UNSTORABLE.sub(_REPLACEMENT, text)


def encoding_of(raw: bytes) -> tuple[str, int]:
    """The encoding of a text, and how many bytes its byte order mark takes.

    A text begins in ASCII, of which UTF-16 writes every other byte as NUL: that tells it without
    a mark, and under a wrong one.
    """
    encoding, skip = next(
        ((name, len(mark)) for mark, name in _MARKS if raw.startswith(mark)), ("utf-8", 0)
    )
    if encoding.startswith("utf-32"):
        return encoding, skip
    beginning = raw[skip : skip + _BEGINNING_BYTES]
    evens, odds = beginning[::2].count(0), beginning[1::2].count(0)
    if odds >= max(_BEGINNING_NULS, evens * 4):
        return "utf-16-le", skip
    if evens >= max(_BEGINNING_NULS, odds * 4):
        return "utf-16-be", skip
    if encoding != "utf-8" and b"\0" not in raw[skip : skip + _SAMPLE_BYTES]:
        return "utf-8", skip
    return encoding, skip


def head_text(head: bytes) -> str:
    """The text of a file's beginning, which may end inside a character, as `read_text` reads it;
    never raises."""
    encoding, skip = encoding_of(head)
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    return clean_text(decoder.decode(head[skip:]))


def utf8_of(raw: bytes) -> tuple[bytes, int]:
    """`raw` in UTF-8 without a byte order mark, and how many of its bytes were replaced."""
    encoding, skip = encoding_of(raw)
    bare = raw[skip:] if skip else raw
    if encoding == "utf-8" and _is_utf8(bare):
        return bare, 0
    try:
        return bare.decode(encoding).encode(), 0
    except UnicodeDecodeError:
        return _replaced(bare, encoding)


def _replaced(bare: bytes, encoding: str) -> tuple[bytes, int]:
    """What `utf8_of` makes of a broken text. A part at a time, so that it is not held in four bytes
    a character."""
    kept, replaced = bytearray(), 0
    decoder = codecs.getincrementaldecoder(encoding)
    replacing, ignoring = decoder("replace"), decoder("ignore")
    for start in range(0, len(bare), _BROKEN_BYTES):
        part, is_last = bare[start : start + _BROKEN_BYTES], start + _BROKEN_BYTES >= len(bare)
        text = replacing.decode(part, is_last)
        kept += text.encode()
        meant = ignoring.decode(part, is_last).count(_REPLACEMENT)
        replaced += text.count(_REPLACEMENT) - meant
    return bytes(kept), replaced


def _is_utf8(raw: bytes) -> bool:
    """Looked at in parts, which are not kept."""
    start, view = 0, memoryview(raw)
    try:
        while start < len(raw):
            end = _line_end(raw, start + PART_BYTES, len(raw))
            str(view[start:end], "utf-8")
            start = end
    except UnicodeDecodeError:
        return False
    return True


def _line_end(encoded: bytes, at: int, stop: int) -> int:
    end = encoded.find(b"\n", at, stop)
    return stop if end < 0 else end


def _lines(encoded: bytes) -> bytes:
    encoded = encoded.removeprefix(codecs.BOM_UTF8)
    if _LONE_RETURN.search(encoded):  # Two for each line, and lines that end in it alone.
        encoded = encoded.replace(b"\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    elif b"\r" in encoded:
        encoded = encoded.replace(b"\r", b"")  # In a tenth of the time of two bytes.
    if b"\n" not in encoded:
        encoded = _ODD_NEWLINES.sub("\n", encoded.decode()).encode()
    if b"\0" in encoded:
        encoded = encoded.replace(b"\0", _REPLACEMENT.encode())
    return encoded


def _is_storable(text: str) -> bool:
    """No character of `text` is _UNSTORABLE; encoding it tells that in a quarter of the time."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
