"""How much a user may have stored: sealed bytes of chats, and of what is prepared of them."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.chats.storage import SealedRevision
from app.db import lone_read
from app.errors import DomainError

_NO_CHAT = UUID(int=0)


class QuotaExceeded(DomainError):
    """Your chats take all the room there is for them; delete one and try again."""

    code, http_status = "quota_exceeded", 413


async def check_room(user_id: str, *, bytes_max: int) -> None:
    """Raises QuotaExceeded when nothing more can be stored; 0 is no limit. It reads sizes alone,
    and decides before an upload is read; `take_room` decides finally."""
    if not bytes_max:
        return
    async with lone_read() as connection:
        stored = await _stored_bytes(connection, user_id, _NO_CHAT)
    if stored >= bytes_max:
        raise QuotaExceeded(bytes_max=bytes_max, bytes_stored=stored)


async def take_room(connection: AsyncConnection, chat: SealedRevision, *, bytes_max: int) -> None:
    """Raises QuotaExceeded when the chat has no room beside what its user has stored.

    Two uploads of a user take turns from here to their ends, so that they cannot both have the
    last room. What is prepared of a chat comes later, and may exceed the limit by its size.
    """
    if not bytes_max:
        return
    await connection.execute(_TAKE_TURNS, {"user_id": chat.user_id})
    is_new = chat.revision == 1  # A repeat may find it there already: it does not count twice.
    stored = await _stored_bytes(connection, chat.user_id, chat.id if is_new else _NO_CHAT)
    if stored + len(chat.sealed_meta) + sum(map(len, chat.blocks)) > bytes_max:
        raise QuotaExceeded(bytes_max=bytes_max, bytes_stored=stored)


async def _stored_bytes(connection: AsyncConnection, user_id: str, without: UUID) -> int:
    found = await connection.execute(_STORED, {"user_id": user_id, "without": without})
    return int(found.scalar_one())


_TAKE_TURNS = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('sixfold.room:' || CAST(:user_id AS text), 0))"
)

# The size of a value is known without reading it.
_STORED = text("""
    SELECT (SELECT coalesce(sum(octet_length(sealed)), 0) FROM chat_blocks
            WHERE user_id = :user_id AND chat_id <> :without)
         + (SELECT coalesce(sum(octet_length(sealed)), 0) FROM prepared_chats
            WHERE user_id = :user_id AND chat_id <> :without)
         + (SELECT coalesce(sum(octet_length(sealed_meta)), 0) FROM chats
            WHERE user_id = :user_id AND id <> :without)
""")
