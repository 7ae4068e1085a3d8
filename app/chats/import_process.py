"""The process that reads uploads: `python -m app.chats.import_process`, frames in and out.

A process and not a thread: an expression that splits 40 MB of text holds the interpreter's lock
all the while, and the API would stand still. It knows no key and no address, and its end ends
nothing else. Frames are a length of eight bytes and so many bytes; see `import_workers.py`.
"""

import sys
from dataclasses import asdict
from typing import BinaryIO

import orjson

from app.chats.blocks import EncodedChat
from app.chats.reading import ReadingOrder, read_chat
from app.chats.transcript import DateOrder
from app.errors import DomainError

LENGTH_BYTES = 8


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until there are no more."""
    while (order := _read_frame(requests)) is not None:
        raw = _read_frame(requests)
        if raw is None:
            return
        for frame in _answer(order, raw):
            replies.write(len(frame).to_bytes(LENGTH_BYTES))
            replies.write(frame)
        replies.flush()


def _answer(order: bytes, raw: bytes) -> list[bytes]:
    try:
        asked = orjson.loads(order)
        date_order = asked["date_order"] and DateOrder(asked["date_order"])
        reading = ReadingOrder(asked["filename"], date_order, asked["timezone"])
        return _told(read_chat(raw, reading, bytes_max=asked["bytes_max"]))
    except DomainError as refusal:
        told = {"code": refusal.code, "detail": refusal.detail, "facts": refusal.facts}
        return [orjson.dumps({"refused": told}, default=str)]
    except Exception as error:  # noqa: BLE001 (only its type is told: its text may quote the chat)
        return [orjson.dumps({"failed": type(error).__qualname__, "line": _line(error)})]


def _told(chat: EncodedChat) -> list[bytes]:
    head = asdict(chat) | {"meta": None, "blocks": [len(block) for block in chat.blocks]}
    return [orjson.dumps(head), chat.meta, b"".join(chat.blocks)]


def _line(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "?"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"


def _read_frame(stream: BinaryIO) -> bytes | None:
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    frame = stream.read(size := int.from_bytes(length))
    return frame if len(frame) == size else None


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
