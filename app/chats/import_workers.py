"""The processes that read uploads, seen from the API."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

import orjson

from app.chats.alignment import Changes, OtherChat
from app.chats.archive import BadArchive
from app.chats.archive import TooLarge as TranscriptTooLarge
from app.chats.blocks import ChatMeta, EncodedChat
from app.chats.exchange import ReadingOrder, Revision
from app.chats.pictures import EmptyPeriod
from app.chats.substance import Substance
from app.chats.transcript import (
    AmbiguousDates,
    EmptyChat,
    SeveralChats,
    TooManyParticipants,
    UnrecognisedFormat,
)
from app.errors import DomainError, TooLarge
from app.frames import Frames
from app.process_pool import ProcessPool

READ_S_MAX = 60

_BY_CODE: dict[str, type[DomainError]] = {
    kind.code: kind
    for kind in (
        TooManyParticipants,
        TranscriptTooLarge,
        BadArchive,
        AmbiguousDates,
        SeveralChats,
        OtherChat,
        EmptyChat,
        EmptyPeriod,
        UnrecognisedFormat,
    )
}


class ImportWorkers:
    """At most `count` reading processes."""

    def __init__(self, count: int) -> None:
        self._pool = ProcessPool("app.chats.import_process", count)

    async def read(self, raw: bytes, order: ReadingOrder, *, bytes_max: int) -> EncodedChat:
        """The chat in `raw`, read in another process.

        Raises what `read_chat` raises, TooLarge after READ_S_MAX seconds, and ProcessFailed.
        """
        asked = asdict(order) | {"bytes_max": bytes_max}
        revision = await self._ask(asked, b"", raw, ())
        if revision.chat is None:
            raise RuntimeError("a new chat without messages")
        return revision.chat

    async def revise(
        self,
        raw: bytes,
        order: ReadingOrder,
        meta: ChatMeta,
        blocks: Sequence[bytes],
        *,
        bytes_max: int,
    ) -> Revision:
        """The stored chat with what an export adds to it. Raises what `read` raises, and
        OtherChat."""
        asked = asdict(order) | {"bytes_max": bytes_max}
        return await self._ask(asked, orjson.dumps(meta), raw, blocks)

    async def join(
        self, names: Mapping[str, str], meta: ChatMeta, blocks: Sequence[bytes]
    ) -> Revision:
        """The stored chat with names joined."""
        return await self._ask({"names": dict(names)}, orjson.dumps(meta), b"", blocks)

    async def draw(
        self, blocks: Sequence[bytes], first_day: date | None, last_day: date | None
    ) -> bytes:
        """The pictures of a stored chat as JSON. Raises EmptyPeriod."""
        return (await self._exchange({"pictures": [first_day, last_day]}, b"{}", b"", blocks))[1]

    async def close(self) -> None:
        """Ends the processes that wait for work."""
        await self._pool.close()

    async def _ask(
        self, asked: dict[str, Any], meta: bytes, raw: bytes, blocks: Sequence[bytes]
    ) -> Revision:
        return _revision(await self._exchange(asked, meta, raw, blocks))

    async def _exchange(
        self, asked: dict[str, Any], meta: bytes, raw: bytes, blocks: Sequence[bytes]
    ) -> Frames:
        frames = [orjson.dumps(asked), meta, raw, *blocks]
        try:
            reply = await self._pool.ask(frames, within_s=READ_S_MAX)
        except TimeoutError as error:
            raise TooLarge("The file takes too long to read.") from error
        if refused := orjson.loads(reply[0]).get("refused"):
            raise _BY_CODE[refused["code"]](refused["detail"], **refused["facts"])
        return reply


def _revision(reply: Frames) -> Revision:
    head = orjson.loads(reply[0])
    changes = Changes(**head["changes"])
    if len(reply) == 1:
        return Revision(None, changes)
    chat = EncodedChat(
        meta=reply[1],
        blocks=tuple(reply[2:]),
        message_count=head["message_count"],
        first_at=datetime.fromisoformat(head["first_at"]),
        last_at=datetime.fromisoformat(head["last_at"]),
        substance=Substance(**head["substance"]),
    )
    return Revision(chat, changes)
