"""The processes that read uploads, seen from the API."""

from dataclasses import asdict
from datetime import datetime

import orjson

from app.chats.archive import BadArchive
from app.chats.archive import TooLarge as TranscriptTooLarge
from app.chats.blocks import EncodedChat
from app.chats.reading import ReadingOrder
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
        EmptyChat,
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
        asked = orjson.dumps(asdict(order) | {"bytes_max": bytes_max})
        try:
            return _chat(await self._pool.ask([asked, raw], within_s=READ_S_MAX))
        except TimeoutError as error:
            raise TooLarge("The file takes too long to read.") from error

    async def close(self) -> None:
        """Ends the processes that wait for work."""
        await self._pool.close()


def _chat(reply: Frames) -> EncodedChat:
    head = orjson.loads(reply[0])
    if refused := head.get("refused"):
        raise _BY_CODE[refused["code"]](refused["detail"], **refused["facts"])
    return EncodedChat(
        meta=reply[1],
        blocks=tuple(reply[2:]),
        message_count=head["message_count"],
        first_at=datetime.fromisoformat(head["first_at"]),
        last_at=datetime.fromisoformat(head["last_at"]),
    )
