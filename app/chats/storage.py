"""Chats at rest: a sealed description and blocks of sealed messages, under the chat's own key."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import Row, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import telemetry
from app.chats.blocks import (
    MESSAGES_PER_BLOCK,
    ChatMeta,
    EncodedChat,
    decode_block,
    encode_chat,
)
from app.chats.key_storage import key_columns, key_join
from app.chats.message import Message
from app.chats.models import chat_blocks, chats
from app.chats.sealing import (
    SealedChat,
    SealedRevision,
    seal_chat,
    seal_meta,
    seal_revision,
)
from app.chats.substance import Substance
from app.crypto import ChatKey, KeyRing, SealBroken
from app.cursors import Position
from app.db import snapshot
from app.errors import NotFound

__all__ = [
    "RETENTION_DAYS",
    "UNREADABLE",
    "Chat",
    "ChatMeta",
    "EncodedChat",
    "SealedChat",
    "SealedRevision",
    "counted",
    "encode_chat",
    "insert_blocks",
    "insert_chat",
    "list_chats",
    "load_chat",
    "load_messages",
    "open_blocks",
    "open_messages",
    "read_blocks",
    "read_chat_key",
    "seal_chat",
    "seal_meta",
    "seal_revision",
]

RETENTION_DAYS = 365
"""A chat is deleted so many days after it was used last."""

_BLOCKS_PER_INSERT = 50

UNREADABLE = ChatMeta(
    title="",
    participants=[],
    statistics={},
    report={
        "format": "unknown",
        "messenger": "unknown",
        "date_order": None,
        "order_confidence": None,
        "unparsed_lines": 0,
        "possibly_truncated": False,
    },
)
"""In a list, in place of the description of a chat that does not open."""

SealedBlock = tuple[int, bytes]
"""(ord, sealed)"""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chat:
    """A stored chat, opened; `meta` is UNREADABLE, and so it says, where that cannot be done."""

    id: UUID
    meta: ChatMeta
    content_hmac: bytes
    message_count: int
    first_at: datetime
    last_at: datetime
    used_at: datetime
    created_at: datetime
    revision: int = 1

    @property
    def is_readable(self) -> bool:
        return self.meta is not UNREADABLE

    @property
    def expires_at(self) -> datetime:
        """When it is deleted unless it is used again."""
        return self.used_at + timedelta(days=RETENTION_DAYS)


async def insert_chat(connection: AsyncConnection, chat: SealedChat) -> Row[Any]:
    """Stores a chat; `(created_at, used_at)`. A repeat with the same id changes nothing."""
    inserted = await connection.execute(
        _INSERT_CHAT,
        {
            "user_id": chat.user_id,
            "id": chat.id,
            "key_id": chat.wrapped.key_id,
            "sealed_key": chat.wrapped.sealed,
            "short_key": chat.wrapped_short.sealed,
            "sealed_meta": chat.sealed_meta,
            "content_hmac": chat.content_hmac,
            "message_count": chat.message_count,
            "first_at": chat.first_at,
            "last_at": chat.last_at,
        }
        | counted(chat.substance),
    )
    row = inserted.first()
    if row is None:
        found = await connection.execute(_TIMES, {"user_id": chat.user_id, "id": chat.id})
        return found.one()
    await insert_blocks(connection, chat)
    return row


def counted(substance: Substance) -> dict[str, int]:
    """The columns that say what a chat holds."""
    return {
        "worded_count": substance.worded,
        "voice_count": substance.voices,
        "day_count": substance.days,
    }


async def insert_blocks(connection: AsyncConnection, chat: SealedRevision) -> None:
    """Stores the blocks of a chat that is there."""
    rows = iter(_block_rows(chat))
    while batch := list(islice(rows, _BLOCKS_PER_INSERT)):
        await connection.execute(insert(chat_blocks), batch)


async def load_chat(keyring: KeyRing, user_id: str, chat_id: UUID) -> Chat:
    """A chat of this user. Raises NotFound and SealBroken."""
    async with snapshot() as connection:
        found = await connection.execute(_CHAT, {"user_id": user_id, "id": chat_id})
        row = found.first()
    if row is None:
        raise NotFound
    meta = await asyncio.to_thread(_open_meta, keyring, user_id, row)
    return _chat(row, meta)


async def list_chats(
    keyring: KeyRing, user_id: str, *, limit: int, after: Position | None
) -> list[Chat]:
    """At most `limit` chats, newest first, those after the position of a cursor.

    One that does not open is there too, with UNREADABLE for a description.
    """
    after_at, after_id = after or (None, None)
    async with snapshot() as connection:
        found = await connection.execute(
            _CHATS,
            {"user_id": user_id, "limit": limit, "after_at": after_at, "after_id": after_id},
        )
        rows = found.all()
    metas = await asyncio.to_thread(lambda: [_listed_meta(keyring, user_id, row) for row in rows])
    return [_chat(row, meta) for row, meta in zip(rows, metas, strict=True)]


async def load_messages(
    keyring: KeyRing,
    user_id: str,
    chat_id: UUID,
    numbers: Iterable[int],
    *,
    revision: int | None = None,
) -> list[Message]:
    """The messages with these numbers in a revision of the chat, by default the newest, in order;
    numbers that do not exist are left out.

    Only the blocks that hold them are read. Raises NotFound when there is no such chat.
    """
    wanted = set(numbers)
    firsts = sorted({number - (number - 1) % MESSAGES_PER_BLOCK for number in wanted if number > 0})
    async with snapshot() as connection:
        key = await read_chat_key(connection, keyring, user_id, chat_id)
        found = await connection.execute(
            _SOME_BLOCKS,
            {"user_id": user_id, "id": chat_id, "firsts": firsts, "revision": revision},
        )
        blocks = [(row.ord, row.sealed) for row in found]
    messages = await asyncio.to_thread(open_messages, key, user_id, chat_id, blocks)
    return [message for message in messages if message.number in wanted]


async def read_chat_key(
    connection: AsyncConnection, keyring: KeyRing, user_id: str, chat_id: UUID
) -> ChatKey:
    """The key of a chat. Raises NotFound, also when the chat was deleted."""
    found = await connection.execute(_KEY, {"user_id": user_id, "id": chat_id})
    row = found.first()
    if row is None:
        raise NotFound
    return keyring.unwrap(row.key_id, row.sealed_key, user_id, chat_id)


async def read_blocks(
    connection: AsyncConnection, user_id: str, chat_id: UUID, revision: int
) -> list[SealedBlock]:
    """All blocks of a revision of a chat in order; empty when there is none."""
    found = await connection.execute(
        _BLOCKS, {"user_id": user_id, "id": chat_id, "revision": revision}
    )
    return [(row.ord, row.sealed) for row in found]


def open_messages(
    key: ChatKey, user_id: str, chat_id: UUID, blocks: Iterable[SealedBlock]
) -> list[Message]:
    """The messages of these blocks. About two microseconds a message: run it in a thread."""
    messages: list[Message] = []
    for encoded in open_blocks(key, user_id, chat_id, blocks):
        messages += decode_block(encoded)
    return messages


def open_blocks(
    key: ChatKey, user_id: str, chat_id: UUID, blocks: Iterable[SealedBlock]
) -> list[bytes]:
    """What `decode_block` reads, of each block. Inflates all of them: run it in a thread."""
    return [key.open(sealed, "block", user_id, chat_id, ord_) for ord_, sealed in blocks]


def _block_rows(chat: SealedRevision) -> Iterable[dict[str, Any]]:
    for place, sealed in enumerate(chat.blocks):
        before = place * MESSAGES_PER_BLOCK
        yield {
            "user_id": chat.user_id,
            "chat_id": chat.id,
            "ord": chat.first_ord + place,
            "revision": chat.revision,
            "first_message": before + 1,
            "message_count": min(MESSAGES_PER_BLOCK, chat.message_count - before),
            "sealed": sealed,
        }


def _listed_meta(keyring: KeyRing, user_id: str, row: Row[Any]) -> ChatMeta:
    try:
        return _open_meta(keyring, user_id, row)
    except SealBroken as error:
        telemetry.unreadable.labels("chat").inc()
        log.error("chat.unreadable", chat_id=str(row.id), reason=error.reason)
        return UNREADABLE


def _open_meta(keyring: KeyRing, user_id: str, row: Row[Any]) -> ChatMeta:
    key = keyring.unwrap(row.key_id, row.sealed_key, user_id, row.id)
    opened = key.open(row.sealed_meta, "meta", user_id, row.id)
    try:
        return ChatMeta(**orjson.loads(opened))
    except (ValueError, TypeError) as error:
        raise SealBroken("the description of a chat has another form") from error


def _chat(row: Row[Any], meta: ChatMeta) -> Chat:
    return Chat(
        id=row.id,
        meta=meta,
        content_hmac=row.content_hmac,
        message_count=row.message_count,
        first_at=row.first_at,
        last_at=row.last_at,
        used_at=row.used_at,
        created_at=row.created_at,
        revision=row.revision,
    )


_IN_TABLE = {"key_id", "sealed_key"}
_COLUMNS = ", ".join(f"c.{one.name}" for one in chats.columns if one.name not in _IN_TABLE)

_INSERT_CHAT = text("""
    WITH keys AS (
        SELECT EXISTS (SELECT FROM contractions WHERE name = 'keys_apart') AS are_apart
    ), chat AS (
        INSERT INTO chats (user_id, id, key_id, sealed_key, sealed_meta, content_hmac,
                           message_count, first_at, last_at, worded_count, voice_count,
                           day_count)
        SELECT :user_id, :id,
               CASE WHEN are_apart THEN '' ELSE CAST(:key_id AS text) END,
               CASE WHEN are_apart THEN CAST('' AS bytea) ELSE CAST(:short_key AS bytea) END,
               :sealed_meta, :content_hmac, :message_count, :first_at, :last_at,
               :worded_count, :voice_count, :day_count
        FROM keys
        ON CONFLICT DO NOTHING
        RETURNING user_id, id, created_at, used_at
    ), key AS (
        INSERT INTO chat_keys (user_id, chat_id, key_id, sealed_key)
        SELECT user_id, id, CAST(:key_id AS text), CAST(:sealed_key AS bytea) FROM chat, keys
        WHERE are_apart
    )
    SELECT created_at, used_at FROM chat
""")

_TIMES = text("SELECT created_at, used_at FROM chats WHERE user_id = :user_id AND id = :id")

_SELECT_CHATS = f"SELECT {_COLUMNS}, {key_columns()} FROM chats c {key_join()}"

_CHAT = text(f"{_SELECT_CHATS} WHERE c.user_id = :user_id AND c.id = :id")

_CHATS = text(f"""
    {_SELECT_CHATS}
    WHERE c.user_id = :user_id
      AND (CAST(:after_at AS timestamptz) IS NULL
           OR (c.created_at, c.id) < (CAST(:after_at AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY c.created_at DESC, c.id DESC LIMIT :limit
""")

_KEY = text(f"""
    SELECT {key_columns()} FROM chats c {key_join()} WHERE c.user_id = :user_id AND c.id = :id
""")

_BLOCKS = text("""
    SELECT ord, sealed FROM chat_blocks
    WHERE user_id = :user_id AND chat_id = :id AND revision = :revision ORDER BY ord
""")

_SOME_BLOCKS = text("""
    SELECT b.ord, b.sealed FROM chats c JOIN chat_blocks b ON b.user_id = c.user_id
        AND b.chat_id = c.id AND b.revision = coalesce(CAST(:revision AS int), c.revision)
    WHERE c.user_id = :user_id AND c.id = :id
      AND b.first_message = ANY(CAST(:firsts AS bigint[]))
    ORDER BY b.ord
""")
