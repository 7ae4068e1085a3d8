"""The process that reads uploads: `python -m app.chats.import_process`; see `import_workers.py`."""

from dataclasses import asdict

import orjson

from app.chats.blocks import EncodedChat
from app.chats.reading import ReadingOrder, read_chat
from app.chats.transcript import DateOrder
from app.errors import DomainError
from app.frames import Frames, serve


def answer(request: Frames) -> Frames:
    """The chat in a file: a description, its meta and its blocks; or why it is refused."""
    order, raw = request
    asked = orjson.loads(order)
    date_order = asked["date_order"] and DateOrder(asked["date_order"])
    reading = ReadingOrder(asked["filename"], date_order, asked["timezone"], asked.get("chat"))
    try:
        return _told(read_chat(raw, reading, bytes_max=asked["bytes_max"]))
    except DomainError as refusal:
        told = {"code": refusal.code, "detail": refusal.detail, "facts": refusal.facts}
        return [orjson.dumps({"refused": told}, default=str)]


def _told(chat: EncodedChat) -> Frames:
    head = asdict(chat) | {"meta": None, "blocks": None}
    return [orjson.dumps(head), chat.meta, *chat.blocks]


if __name__ == "__main__":
    serve(answer)
