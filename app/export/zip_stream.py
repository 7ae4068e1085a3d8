"""A ZIP archive that is handed out while it is written: it never exists as a whole."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from typing import IO, Any

PIECE_BYTES = 64 * 1024
"""What has been compressed is handed out in pieces of this size or more."""


class ZipStream:
    """Files are written one after the other; `pieces` empties what is ready."""

    def __init__(self, *, at: datetime) -> None:
        """`at` is the time that all files are said to be of."""
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED)
        self._at = at.timetuple()[:6]

    async def add(self, name: str, parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pieces of the archive, while `parts` go into the file `name`. Compressed in a thread."""
        info = zipfile.ZipInfo(name, self._at)
        info.compress_type = zipfile.ZIP_DEFLATED
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as file:
            async for part in parts:
                await asyncio.to_thread(_write, file, part)
                if self._sink.size >= PIECE_BYTES:
                    yield self._sink.take()

    def close(self) -> bytes:
        """The last piece: what is left, and the archive's table of contents."""
        self._zip.close()
        return self._sink.take()


def _write(file: IO[bytes], part: bytes) -> None:
    file.write(part)


class _Sink(io.RawIOBase):
    """Where the archive is written to: it can only be written, and taken."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._written.append(piece)
        self.size += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """All that was written since it was taken last."""
        piece = b"".join(self._written)
        self._written.clear()
        self.size = 0
        return piece
