"""Messages between this program's processes: frames over pipes, and the loop that answers them.

A message is its number of frames and then each frame, its length before it; all numbers are of
eight bytes. A reply begins with a frame that says whether it was answered: DONE or FAILED.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO

NUMBER_BYTES = 8
DONE, FAILED = b"done", b"failed"

Frames = list[bytes]


def serve(answer: Callable[[Frames], Frames]) -> None:
    """Answers what comes in on standard input, on standard output, until there is no more.

    Of an exception the type and the place are told: its text may quote what was read.
    """
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    while (request := read_message(requests)) is not None:
        try:
            reply = [DONE, *answer(request)]
        except Exception as error:  # noqa: BLE001 (told to who asked)
            reply = [FAILED, f"{type(error).__qualname__} at {_line(error)}".encode()]
        for piece in encoded(reply):
            replies.write(piece)
        replies.flush()


def encoded(frames: Sequence[bytes]) -> Frames:
    """The bytes of a message, in pieces: no frame is copied."""
    pieces = [len(frames).to_bytes(NUMBER_BYTES)]
    for frame in frames:
        pieces += [len(frame).to_bytes(NUMBER_BYTES), frame]
    return pieces


def read_message(stream: BinaryIO) -> Frames | None:
    """The next message; None when the stream ends before it does."""
    try:
        return [_read(stream, _number(stream)) for _ in range(_number(stream))]
    except EOFError:
        return None


async def receive_message(stream: asyncio.StreamReader) -> Frames:
    """The next message. Raises IncompleteReadError when the stream ends before it does."""
    count = int.from_bytes(await stream.readexactly(NUMBER_BYTES))
    return [
        await stream.readexactly(int.from_bytes(await stream.readexactly(NUMBER_BYTES)))
        for _ in range(count)
    ]


def _number(stream: BinaryIO) -> int:
    return int.from_bytes(_read(stream, NUMBER_BYTES))


def _read(stream: BinaryIO, size: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise EOFError
    return found


def _line(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "?"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
