"""The text of a file, whatever a messenger or an editor made of its encoding."""

import codecs
import re

from app.chats.transcript import UnrecognisedFormat

_SAMPLE_CHARS = 1_000_000
_CONTROLS_SHARE_MAX = 0.01
_REPLACED_SHARE_MAX = 0.01
_REPLACED_FLOOR = 16
_REPLACEMENT = "\ufffd"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def decode_text(raw: bytes) -> tuple[str, int]:
    """The text of `raw`, in UTF-8 or with its byte order mark UTF-16, and how many bytes of it
    were replaced because they mean nothing there.

    Raises UnrecognisedFormat for a binary, and where more than a few bytes and one in a hundred
    are replaced.
    """
    encoding = (
        "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    )
    replaced = 0
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        text = raw.decode(encoding, "replace")
        replaced = text.count(_REPLACEMENT) - raw.count(_REPLACEMENT.encode())
        if replaced > max(_REPLACED_FLOOR, len(raw) * _REPLACED_SHARE_MAX):
            raise UnrecognisedFormat("The file is not text in UTF-8 or UTF-16.") from error
    sample = text[:_SAMPLE_CHARS]
    if sample.count("\0") > len(sample) * _CONTROLS_SHARE_MAX:
        raise UnrecognisedFormat("The file is binary, not text.")
    return text, replaced


def clean_text(text: str) -> str:
    """`text` without a byte order mark, with plain newlines, fit for storage as UTF-8."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if _is_storable(text) else _UNSTORABLE.sub(_REPLACEMENT, text)


def _is_storable(text: str) -> bool:
    """No character of `text` is _UNSTORABLE; encoding it tells that in a quarter of the time."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def head_text(head: bytes) -> str:
    """The text of a file's beginning, which may end inside a character; never raises."""
    is_utf16 = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return clean_text(head.decode("utf-16" if is_utf16 else "utf-8", "ignore"))
