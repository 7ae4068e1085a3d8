"""Reading without a process of its own, where what reads is not under test."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from app.chats.blocks import EncodedChat
from app.chats.exchange import ReadingOrder
from app.chats.reading import read_chat
from app.chats.upload import Uploads


class _InlineReaders:
    async def read(self, raw: bytes, order: ReadingOrder, *, bytes_max: int) -> EncodedChat:
        return await asyncio.to_thread(_read, raw, order, bytes_max)


@cache
def _read(raw: bytes, order: ReadingOrder, bytes_max: int) -> EncodedChat:
    return read_chat(raw, order, bytes_max=bytes_max)


@contextmanager
def reading_inline(uploads: Uploads) -> Iterator[None]:
    """Meanwhile new chats are read in this process, each file once."""
    readers = uploads._workers
    uploads._workers = _InlineReaders()  # type: ignore[assignment]
    yield
    uploads._workers = readers
