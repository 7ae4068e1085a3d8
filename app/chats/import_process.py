"""The process that reads uploads: `python -m app.chats.import_process`; see `import_workers.py`.

A request is an order, the description of a stored chat or nothing, the file or nothing, and the
blocks of the stored chat. Without a stored chat the file is read as a new one; with both, the
file is another export of the stored one; without a file, names of the stored one are joined, or
its pictures drawn.
"""

from dataclasses import asdict
from datetime import date
from typing import Any

import orjson

from app.chats.alignment import Changes
from app.chats.blocks import ChatMeta, decode_block
from app.chats.exchange import ReadingOrder, Revision
from app.chats.pictures import draw
from app.chats.reading import read_chat
from app.chats.revising import join, revise
from app.chats.transcript import DateOrder
from app.errors import DomainError
from app.frames import Frames, serve

NEW = Changes(added=0, changed=0, known=0, kept=0)


def answer(request: Frames) -> Frames:
    """The chat: a description, its meta and its blocks; or why it is refused."""
    # Nothing here holds the file: who reads it gives it back as soon as it is read.
    order, meta, file, *blocks = request[0], request[1], request[2:3], *request[3:]
    request.clear()
    asked = orjson.loads(order)
    try:
        if not meta:
            chat = read_chat(file.pop(), _reading(asked), bytes_max=asked["bytes_max"])
            return _told(Revision(chat, NEW))
        if (period := asked.get("pictures")) is not None:
            return [orjson.dumps({}), _drawn(period, blocks)]
        known = ChatMeta(**orjson.loads(meta))
        if names := asked.get("names"):
            return _told(join(names, known, blocks))
        bytes_max = asked["bytes_max"]
        return _told(revise(file.pop(), _reading(asked), known, blocks, bytes_max=bytes_max))
    except DomainError as refusal:
        told = {"code": refusal.code, "detail": refusal.detail, "facts": refusal.facts}
        return [orjson.dumps({"refused": told}, default=str)]


def _reading(asked: dict[str, Any]) -> ReadingOrder:
    date_order = asked["date_order"] and DateOrder(asked["date_order"])
    return ReadingOrder(asked["filename"], date_order, asked["timezone"], asked.get("chat"))


def _drawn(period: list[str | None], blocks: Frames) -> bytes:
    messages = [message for block in blocks for message in decode_block(block)]
    first_day, last_day = (date.fromisoformat(day) if day else None for day in period)
    return draw(messages, first_day, last_day).model_dump_json().encode()


def _told(revision: Revision) -> Frames:
    head: dict[str, Any] = {"changes": asdict(revision.changes)}
    if revision.chat is None:
        return [orjson.dumps(head)]
    head |= asdict(revision.chat) | {"meta": None, "blocks": None}
    return [orjson.dumps(head), revision.chat.meta, *revision.chat.blocks]


if __name__ == "__main__":
    serve(answer)
