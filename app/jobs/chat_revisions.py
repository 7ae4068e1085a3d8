"""Storing the next revision of a chat, beside those that its insights quote."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.chats.revisions import ChatChanged
from app.chats.room import take_room
from app.chats.storage import SealedRevision, counted, insert_blocks
from app.credits.service import CreditService
from app.db import in_turn
from app.errors import DomainError, NotFound
from app.faults import Step


class ChatInUse(DomainError):
    """A job reads the chat just now; wait until it has ended, or cancel it."""

    code, http_status = "unlock_in_progress", 409


async def store_revision(chat: SealedRevision, *, stored_bytes_max: int = 0) -> None:
    """Stores what follows the newest revision of a chat; of older ones those are kept that a
    succeeded job quotes.

    Raises NotFound, ChatChanged, ChatInUse and QuotaExceeded; 0 is no limit.
    """

    async def store(connection: AsyncConnection) -> None:
        place = {"user_id": chat.user_id, "chat_id": chat.id}
        # An unlock holds the account, too: none begins on a revision that goes away here.
        await CreditService(connection).lock_accounts([chat.user_id])
        row = (await connection.execute(_LOCK_CHAT, place)).one_or_none()
        if row is None:
            raise NotFound
        if row.content_hmac == chat.content_hmac and row.revision == chat.revision:
            return  # An earlier try stored it, whose reply to COMMIT was lost.
        if row.revision + 1 != chat.revision:
            raise ChatChanged
        active: UUID | None = (await connection.execute(_ACTIVE_JOB, place)).scalar_one_or_none()
        if active is not None:
            raise ChatInUse(job_id=active)
        await connection.execute(_FORGET_PREPARED, place)
        await connection.execute(_FORGET_UNQUOTED, place)
        await take_room(connection, chat, bytes_max=stored_bytes_max)
        await connection.execute(
            _REVISE,
            place
            | {
                "sealed_meta": chat.sealed_meta,
                "content_hmac": chat.content_hmac,
                "message_count": chat.message_count,
                "first_at": chat.first_at,
                "last_at": chat.last_at,
                "revision": chat.revision,
            }
            | counted(chat.substance),
        )
        await insert_blocks(connection, chat)

    await in_turn(chat.user_id, store, step=Step.STORE_CHAT)


async def store_meta(user_id: str, chat_id: UUID, sealed_meta: bytes, *, revision: int) -> None:
    """Stores another description of a revision. Raises ChatChanged, also when the chat is gone."""
    described = {
        "user_id": user_id,
        "chat_id": chat_id,
        "sealed_meta": sealed_meta,
        "revision": revision,
    }

    async def store(connection: AsyncConnection) -> bool:
        return (await connection.execute(_DESCRIBE, described)).first() is not None

    if not await in_turn(user_id, store, step=Step.STORE_CHAT):
        raise ChatChanged


_LOCK_CHAT = text("""
    SELECT revision, content_hmac FROM chats WHERE user_id = :user_id AND id = :chat_id
    FOR NO KEY UPDATE
""")

_ACTIVE_JOB = text("""
    SELECT id FROM jobs
    WHERE user_id = :user_id AND chat_id = :chat_id AND state IN ('queued', 'running', 'settling')
    ORDER BY id LIMIT 1
""")

_FORGET_PREPARED = text(
    "DELETE FROM prepared_chats WHERE user_id = :user_id AND chat_id = :chat_id"
)

_FORGET_UNQUOTED = text("""
    DELETE FROM chat_blocks b
    WHERE b.user_id = :user_id AND b.chat_id = :chat_id
      AND NOT EXISTS (
          SELECT FROM jobs j
          WHERE j.user_id = b.user_id AND j.chat_id = b.chat_id AND j.revision = b.revision
            AND j.state = 'succeeded'
      )
""")

_REVISE = text("""
    UPDATE chats
    SET sealed_meta = :sealed_meta, content_hmac = :content_hmac, message_count = :message_count,
        first_at = :first_at, last_at = :last_at, revision = :revision,
        worded_count = :worded_count, voice_count = :voice_count, day_count = :day_count,
        used_at = clock_timestamp(), preparing_until = NULL
    WHERE user_id = :user_id AND id = :chat_id
""")

_DESCRIBE = text("""
    UPDATE chats SET sealed_meta = :sealed_meta
    WHERE user_id = :user_id AND id = :chat_id AND revision = :revision
    RETURNING id
""")
