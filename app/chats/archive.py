"""The transcript out of an upload: a text file as it is, or one entry of an archive.

Everything stays in memory, and only the transcript is ever unpacked. The limits hold while
reading: what an archive says about itself is not believed.
"""

import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from app.chats.formats.choosing import CHATS_SHOWN_MAX
from app.chats.formats.format import HEAD_BYTES
from app.chats.transcript import SeveralChats
from app.errors import DomainError

_TEXT_ENDS = (".txt", ".text", ".log")
_TRANSCRIPT_ENDS = (*_TEXT_ENDS, ".json", ".jsonl", ".csv", ".xml", ".md")
_PART = re.compile(r"message_\d{1,4}\.json")
# Files that exporters name alike for every chat, in a folder with the chat's name.
_NAMELESS = frozenset({"chat", "_chat", "data", "result", "messages"})
_OFFICE_ENTRY = "[Content_Types].xml"
_STRANGERS = (
    ((".rtf", ".doc", ".docx", ".odt", ".pages", ".iwa"),
     "The archive holds a word processor's document: save it as plain text (.txt, UTF-8)."),
    ((".html", ".htm"), "The archive holds web pages: export the chat as text or JSON."),
    ((".zip", ".rar", ".7z", ".gz"), "The archive holds another archive: upload that alone."),
    ((".pdf",), "The archive holds a PDF: export the chat from the messenger itself."),
)  # fmt: skip
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
    IndexError, OverflowError, NotImplementedError, RuntimeError, UserWarning,
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
    looked_into_max: int = 64


def read_transcript(
    raw: bytes,
    filename: str,
    *,
    limits: ArchiveLimits = ArchiveLimits(),
    is_chat: Callable[[bytes], bool] = lambda _: True,
    chat: str | None = None,
) -> bytes:
    """The bytes of the chat: `raw` itself, or the transcript if `raw` is a zip archive.

    What counts is the content, not the name: `is_chat` is asked about the beginnings of files
    where there are several, and if several chats are left, `chat` names the one. Raises
    BadArchive, SeveralChats or TooLarge.
    """
    if raw.startswith((_LOCAL_MAGIC, _END_MAGIC)):
        return _unpack(raw, limits, is_chat, chat)
    if filename.lower().endswith(".zip"):
        raise BadArchive("The file is named .zip but is not a zip archive.")
    if len(raw) > limits.transcript_bytes_max:
        raise TooLarge(bytes_max=limits.transcript_bytes_max)
    return raw


def _unpack(
    raw: bytes, limits: ArchiveLimits, is_chat: Callable[[bytes], bool], chat: str | None
) -> bytes:
    _check_directory(raw, limits)
    try:
        # Of entries that overlap some Pythons only warn: a bomb all the same.
        with warnings.catch_warnings(), zipfile.ZipFile(BytesIO(raw)) as archive:
            warnings.simplefilter("error", UserWarning)
            return _read_parts(archive, _transcript(archive, limits, is_chat, chat), limits)
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


def _transcript(
    archive: zipfile.ZipFile,
    limits: ArchiveLimits,
    is_chat: Callable[[bytes], bool],
    chat: str | None,
) -> list[zipfile.ZipInfo]:
    """The entries that hold the chat, one or its parts: by their content, and by their names
    where that leaves several."""
    entries = archive.infolist()
    candidates = [entry for entry in entries if _could_be_transcript(entry)]
    if any(entry.filename == _OFFICE_ENTRY for entry in entries):
        raise BadArchive("This is an office document: save it as plain text (.txt, UTF-8).")
    first: list[zipfile.ZipInfo] = []
    for rank in (_is_ios_transcript, _is_named_transcript, _is_text, _is_any):
        named = _grouped(entry for entry in candidates if rank(entry))
        first = first or next(iter(named.values()), first)
        found = _chats_among(named, limits, lambda part: is_chat(_head(archive, part)))
        if len(found) > 1 and chat not in found:
            longest = sorted(found.items(), key=lambda item: _size_of(item[1]), reverse=True)
            raise SeveralChats(chats=[_choice(*each) for each in longest[:CHATS_SHOWN_MAX]])
        if found:
            return found.get(chat or "") or next(iter(found.values()))
    if first:
        return first  # No chat: its reader says why.
    raise BadArchive(_about(entries))


def _about(entries: list[zipfile.ZipInfo]) -> str:
    """Why an archive holds nothing that may be a chat."""
    for ends, told in _STRANGERS:
        if any(_base(entry).endswith(ends) for entry in entries if not _is_of_macos(entry)):
            return told
    return "The archive holds no transcript."


def _chats_among(
    found: dict[str, list[zipfile.ZipInfo]],
    limits: ArchiveLimits,
    is_chat: Callable[[zipfile.ZipInfo], bool],
) -> dict[str, list[zipfile.ZipInfo]]:
    """Those that are chats. Parts are by their names: "Download your information" holds hundreds
    of chats, and of other files; of the others the first ones are looked into."""
    others = [name for name, parts in found.items() if not _is_part(parts[0])]
    looked_into = set(others[: limits.looked_into_max])
    return {
        name: parts
        for name, parts in found.items()
        if _is_part(parts[0]) or (name in looked_into and is_chat(parts[0]))
    }


def _is_part(entry: zipfile.ZipInfo) -> bool:
    return _PART.fullmatch(entry.filename.rpartition("/")[2]) is not None


def _size_of(parts: list[zipfile.ZipInfo]) -> int:
    return sum(part.file_size for part in parts)


def _grouped(entries: Iterable[zipfile.ZipInfo]) -> dict[str, list[zipfile.ZipInfo]]:
    """Entries by the name of their chat; Instagram and Messenger part a long one."""
    chats: dict[str, list[zipfile.ZipInfo]] = {}
    for entry in entries:
        folder = entry.filename.rpartition("/")[0]
        chats.setdefault(folder if _is_part(entry) else entry.filename, []).append(entry)
    for parts in chats.values():
        parts.sort(key=lambda part: (len(part.filename), part.filename))
    return {name: parts for name, parts in chats.items() if not _is_told_by_data(name, chats)}


def _is_told_by_data(name: str, chats: Container[str]) -> bool:
    """signal-export writes each chat twice: `data.json` tells more than `chat.md`."""
    folder, _, base = name.rpartition("/")
    return base == "chat.md" and f"{folder}/data.json".lstrip("/") in chats


def _choice(name: str, parts: list[zipfile.ZipInfo]) -> dict[str, Any]:
    """What the caller chooses by: as in `ChatChoice`, without a count."""
    folder, _, base = name.rpartition("/")
    title = base.rpartition(".")[0] if name == parts[0].filename else base
    if folder and title.casefold() in _NAMELESS:
        title = folder.rpartition("/")[2]
    return {"chat": name, "title": title, "messages": None}


def _could_be_transcript(entry: zipfile.ZipInfo) -> bool:
    base = _base(entry)
    is_text = base.endswith(_TRANSCRIPT_ENDS) or "." not in base
    return is_text and not entry.is_dir() and not _is_of_macos(entry)


def _is_of_macos(entry: zipfile.ZipInfo) -> bool:
    """macOS puts a "._name" beside each file, with its attributes."""
    return entry.filename.startswith("__MACOSX/") or _base(entry).startswith(".")


def _base(entry: zipfile.ZipInfo) -> str:
    return entry.filename.rpartition("/")[2].casefold()


def _is_ios_transcript(entry: zipfile.ZipInfo) -> bool:
    return _base(entry) == "_chat.txt"


def _is_named_transcript(entry: zipfile.ZipInfo) -> bool:
    """In every language the app's name stands in it: Chat de WhatsApp con Ana.txt."""
    return "whatsapp" in _base(entry) and _is_text(entry)


def _is_text(entry: zipfile.ZipInfo) -> bool:
    return _base(entry).endswith(_TEXT_ENDS) or "." not in _base(entry)


def _is_any(_: zipfile.ZipInfo) -> bool:
    return True


def _head(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.flag_bits & _ENCRYPTED_FLAGS or entry.compress_type not in _METHODS:
        return b""
    with archive.open(entry) as stream:
        return stream.read(HEAD_BYTES)


def _read_parts(
    archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo], limits: ArchiveLimits
) -> bytes:
    unpacked = bytearray()
    for part in parts:
        unpacked += b"\n" if unpacked else b""
        _read_entry(archive, part, limits, unpacked)
    return bytes(unpacked)


def _read_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: ArchiveLimits, unpacked: bytearray
) -> None:
    if entry.flag_bits & _ENCRYPTED_FLAGS:
        raise BadArchive("The transcript is encrypted.")
    if entry.compress_type not in _METHODS:
        raise BadArchive("The transcript is packed in a way exports never are.")
    ratio_bytes = len(unpacked) + max(_RATIO_FLOOR_BYTES, entry.compress_size * limits.ratio_max)
    with archive.open(entry) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            unpacked += chunk
            if len(unpacked) > limits.transcript_bytes_max:
                raise TooLarge(bytes_max=limits.transcript_bytes_max)
            if len(unpacked) > ratio_bytes:
                raise BadArchive("The transcript unpacks to far more than it should.")
