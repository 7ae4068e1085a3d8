"""Deleting a user: every chat is shredded, and the ledger keeps their coins under a pseudonym."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import CreditService
from app.db import in_turn, snapshot
from app.errors import NotFound
from app.faults import Step
from app.jobs.chat_deletion import Shredded, count_ended, delete_chat, shred_chat

ROUNDS_MAX = 3
"""Over a user's chats in one transaction: from the second one on none can be added."""


@dataclass(frozen=True, slots=True)
class DeletedUser:
    user_id: str
    chats: int
    """So many were deleted now, the others before."""


async def delete_user(
    user_id: str, *, cancelled: Callable[[list[UUID]], object] = lambda _: None
) -> DeletedUser:
    """Nothing of the user is left but jobs and entries that name a pseudonym.

    Each chat goes in a transaction of its own; then the rest in one. It may be ended and repeated
    at any time. A user who is unknown here is remembered as deleted, too. `cancelled` is told of
    jobs that were active. Raises Locked.
    """
    deleted = 0
    for chat_id in await _chats_of(user_id):
        try:
            cancelled(await delete_chat(user_id, chat_id))
        except NotFound:
            continue  # Deleted by another request meanwhile.
        deleted += 1
    ended: Shredded = {}

    async def forget(connection: AsyncConnection) -> int:
        ended.clear()
        await CreditService(connection).lock_accounts([user_id])
        more = 0
        for _ in range(ROUNDS_MAX):
            found = await connection.execute(_CHATS, {"user_id": user_id})
            for chat_id in found.scalars().all():
                shredded = await shred_chat(connection, user_id, chat_id)
                more += shredded is not None
                ended.update(shredded or {})
            if (await connection.execute(_FORGET, {"user_id": user_id})).scalar_one():
                return more
        raise RuntimeError("chats or jobs of a user appear while the account is locked")

    deleted += await in_turn(user_id, forget, step=Step.DELETE_USER)
    cancelled([job_id for _, job_id in ended])
    await count_ended(ended)
    return DeletedUser(user_id, deleted)


async def _chats_of(user_id: str) -> list[UUID]:
    async with snapshot() as connection:
        return list((await connection.execute(_CHATS, {"user_id": user_id})).scalars())


_CHATS = text("SELECT id FROM chats WHERE user_id = :user_id ORDER BY id")

_FORGET = text("SELECT forget_user(:user_id)")
