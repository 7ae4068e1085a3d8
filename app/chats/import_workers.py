"""The processes that read uploads, seen from the API: a bounded number, started when needed."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import asdict
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Any

import orjson
import structlog

from app.chats.archive import BadArchive
from app.chats.archive import TooLarge as TranscriptTooLarge
from app.chats.blocks import EncodedChat
from app.chats.import_process import LENGTH_BYTES
from app.chats.reading import ReadingOrder
from app.chats.transcript import (
    AmbiguousDates,
    EmptyChat,
    TooManyParticipants,
    UnrecognisedFormat,
)
from app.errors import DomainError, TooLarge

READ_S_MAX = 60
END_S = 5
KEPT_BYTES_MAX = 8 * 1024 * 1024
"""After a larger file the process ends, to give its memory back."""

_BY_CODE: dict[str, type[DomainError]] = {
    kind.code: kind
    for kind in (
        TooManyParticipants,
        TranscriptTooLarge,
        BadArchive,
        AmbiguousDates,
        EmptyChat,
        UnrecognisedFormat,
    )
}

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ImportWorkerFailed(RuntimeError):
    """The reading process ended or failed: a bug, or not enough memory."""


class ImportWorkers:
    """At most `count` reading processes. Belongs to the loop that uses it first."""

    def __init__(self, count: int) -> None:
        self._slots = asyncio.Semaphore(count)
        self._idle: list[Process] = []

    async def read(self, raw: bytes, order: ReadingOrder, *, bytes_max: int) -> EncodedChat:
        """The chat in `raw`, read in another process.

        Raises what `read_chat` raises, TooLarge after READ_S_MAX seconds, and ImportWorkerFailed.
        """
        async with self._slots:
            reader = await self._take()
            is_reusable = False
            try:
                async with asyncio.timeout(READ_S_MAX):
                    head, parts = await _ask(reader, raw, order, bytes_max)
                is_reusable = "failed" not in head and len(raw) <= KEPT_BYTES_MAX
            except TimeoutError as error:
                raise TooLarge("The file takes too long to read.") from error
            except (OSError, asyncio.IncompleteReadError) as error:
                raise ImportWorkerFailed("the reading process ended") from error
            finally:
                if is_reusable:
                    self._idle.append(reader)
                else:
                    await _end(reader)
        return _chat(head, parts)

    async def close(self) -> None:
        """Ends the processes that wait for work."""
        while self._idle:
            await _end(self._idle.pop())

    async def _take(self) -> Process:
        while self._idle:
            reader = self._idle.pop()
            if reader.returncode is None:
                return reader
        # Isolated, with an empty environment: what reads strangers' files knows no secret. A
        # session of its own: Ctrl-C is the API's to answer, and closed pipes end the reader.
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "app.chats.import_process"),
            stdin=PIPE,
            stdout=PIPE,
            env={},
            start_new_session=True,
        )


async def _ask(
    reader: Process, raw: bytes, order: ReadingOrder, bytes_max: int
) -> tuple[dict[str, Any], list[bytes]]:
    if reader.stdin is None or reader.stdout is None:
        raise RuntimeError("a reading process was started without pipes")
    for frame in (orjson.dumps(asdict(order) | {"bytes_max": bytes_max}), raw):
        reader.stdin.write(len(frame).to_bytes(LENGTH_BYTES))
        reader.stdin.write(frame)
    await reader.stdin.drain()
    head: dict[str, Any] = orjson.loads(await _read_frame(reader.stdout))
    if "blocks" not in head:
        return head, []
    return head, [await _read_frame(reader.stdout), await _read_frame(reader.stdout)]


async def _read_frame(stream: asyncio.StreamReader) -> bytes:
    return await stream.readexactly(int.from_bytes(await stream.readexactly(LENGTH_BYTES)))


def _chat(head: dict[str, Any], parts: list[bytes]) -> EncodedChat:
    if refused := head.get("refused"):
        raise _BY_CODE[refused["code"]](refused["detail"], **refused["facts"])
    if failed := head.get("failed"):
        raise ImportWorkerFailed(f"{failed} at {head['line']}")
    meta, joined = parts
    ends = accumulate(head["blocks"], initial=0)
    return EncodedChat(
        meta=meta,
        blocks=tuple(joined[start:end] for start, end in pairwise(ends)),
        message_count=head["message_count"],
        first_at=datetime.fromisoformat(head["first_at"]),
        last_at=datetime.fromisoformat(head["last_at"]),
    )


async def _end(reader: Process) -> None:
    """Ends a process for good, however busy it is, and closes its pipes."""
    if reader.returncode is None:
        reader.kill()
    if reader.stdin is not None:
        reader.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await reader.communicate()
    except TimeoutError:
        log.warning("reader.did_not_end", pid=reader.pid)
