"""The transcript out of an upload: a text file as it is, or one entry of an archive.

Everything stays in memory, and only the transcript is ever unpacked. The limits hold while
reading: what an archive says about itself is not believed.
"""

import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from io import BytesIO

from app.errors import DomainError

_CHUNK_BYTES = 1 << 18
# A chat of one repeated line packs well too; below this size the ratio says nothing.
_RATIO_FLOOR_BYTES = 4 << 20

_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_END_BYTES, _COMMENT_BYTES_MAX = 22, 65_535
_ENCRYPTED_FLAGS = 0x1 | 0x40
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# All that the standard library is known to raise on broken archives.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, KeyError,
    IndexError, OverflowError, NotImplementedError, RuntimeError,
)  # fmt: skip


class BadArchive(DomainError):
    """The archive cannot be read, or holds no transcript."""

    code, http_status = "bad_archive", 422


class TooLarge(DomainError):
    """The chat is larger than this service takes."""

    code, http_status = "too_large", 413


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """`ratio_max` is unpacked bytes to one packed byte of the transcript."""

    transcript_bytes_max: int = 50 << 20
    entries_max: int = 20_000
    ratio_max: int = 200


def read_transcript(raw: bytes, filename: str, *, limits: ArchiveLimits = ArchiveLimits()) -> bytes:
    """The bytes of the chat: `raw` itself, or the transcript if `raw` is a zip archive.

    What counts is the content, not the name. Raises BadArchive or TooLarge.
    """
    if raw.startswith((_LOCAL_MAGIC, _END_MAGIC)):
        return _unpack(raw, limits)
    if filename.lower().endswith(".zip"):
        raise BadArchive("The file is named .zip but is not a zip archive.")
    if len(raw) > limits.transcript_bytes_max:
        raise TooLarge(bytes_max=limits.transcript_bytes_max)
    return raw


def _unpack(raw: bytes, limits: ArchiveLimits) -> bytes:
    _check_directory(raw, limits)
    try:
        with zipfile.ZipFile(BytesIO(raw)) as archive:
            return _read_entry(archive, _transcript(archive.infolist()), limits)
    except _BROKEN as error:
        raise BadArchive("The archive is broken.") from error


def _check_directory(raw: bytes, limits: ArchiveLimits) -> None:
    """Counts entries before the library makes an object of each."""
    end = raw.rfind(_END_MAGIC, max(0, len(raw) - _END_BYTES - _COMMENT_BYTES_MAX))
    if end < 0 or len(raw) - end < _END_BYTES:
        raise BadArchive("The archive is cut off.")
    (size,) = struct.unpack_from("<I", raw, end + 12)
    if size > end:
        raise BadArchive("The archive is broken.")
    if raw.count(_CENTRAL_MAGIC, end - size, end) > limits.entries_max:
        raise BadArchive("The archive has too many entries.", entries_max=limits.entries_max)


def _transcript(entries: Sequence[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    named = [
        (entry.filename.rpartition("/")[2], entry)
        for entry in entries
        if not entry.is_dir() and not entry.filename.startswith("__MACOSX/")
    ]
    for pattern in ("_chat.txt", "WhatsApp Chat with *.txt", "*.txt"):
        found = [entry for name, entry in named if fnmatchcase(name, pattern)]
        if len(found) > 1:
            raise BadArchive("The archive holds several transcripts.")
        if found:
            return found[0]
    raise BadArchive("The archive holds no transcript.")


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: ArchiveLimits) -> bytes:
    if entry.flag_bits & _ENCRYPTED_FLAGS:
        raise BadArchive("The transcript is encrypted.")
    if entry.compress_type not in _METHODS:
        raise BadArchive("The transcript is packed in a way exports never are.")
    ratio_bytes = max(_RATIO_FLOOR_BYTES, entry.compress_size * limits.ratio_max)
    unpacked = bytearray()
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            unpacked += chunk
            if len(unpacked) > limits.transcript_bytes_max:
                raise TooLarge(bytes_max=limits.transcript_bytes_max)
            if len(unpacked) > ratio_bytes:
                raise BadArchive("The transcript unpacks to far more than it should.")
    return bytes(unpacked)
