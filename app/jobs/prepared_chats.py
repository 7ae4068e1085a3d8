"""Prepared chats at rest: sealed parts beside the chat's messages, under the chat's own key.

One worker at a time prepares a chat: it takes it for a while, by `chats.preparing_until`. Should
two do it after all, the second finds what the first has stored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.chats.key_storage import key_columns, key_join
from app.chats.storage import counted
from app.chats.substance import Substance
from app.crypto import ChatKey, SealBroken
from app.db import in_statement, in_transaction, lone_read, read_rows, wait_at_most
from app.faults import Spot, Step, reach
from app.generation.context import VERSION, InsightContext, Part
from app.group_commit import GroupCommit
from app.jobs.leases import DUE, IS_PREPARED, LOCK_WAIT_MS, Claim, JobRef

TAKEN_S_MAX = 600
"""A chat that is taken for longer than this was taken before the database's clock jumped back."""
OTHER_VERSION_HOURS = 24
"""What another release has prepared is kept as long as both may run side by side."""

PARTS_MAX = 50
"""Read by one statement: some ten kilobytes each, which all are in memory at once."""

ChatRef = tuple[str, UUID]
"""(user id, chat id)"""
CategoryRef = tuple[str, UUID, str]
"""(user id, chat id, category)"""

log = structlog.get_logger()


class ChatGone(Exception):
    """The chat was deleted."""


class NotPrepared(Exception):
    """What was prepared of the chat is gone, or does not open: it is prepared anew."""


@dataclass(frozen=True, slots=True)
class TakenChat:
    """A chat that this worker prepares."""

    user_id: str
    id: UUID
    revision: int
    key_id: str
    sealed_key: bytes = field(repr=False)


class PreparedParts:
    """Reads what jobs are written from: the parts that a process's jobs ask for at one moment come
    by one statement."""

    def __init__(self, part: Part) -> None:
        """`part` is what the process's generator reads."""
        self._part = part
        self._group = GroupCommit[CategoryRef, bytes | None](
            self._read, kind="parts", batch_max=PARTS_MAX
        )

    async def open_context(self, claim: Claim, key: ChatKey) -> InsightContext:
        """What a job's insights are written from. Raises ChatGone, NotPrepared and Unavailable."""
        await reach(Spot.CONTEXT)
        if claim.message_count is None:
            raise ChatGone
        chat, category, part = (claim.user_id, claim.chat_id), claim.category, self._part
        sealed = await self._group.submit((*chat, category))
        if sealed is None:
            raise NotPrepared
        try:
            plain = opened_part(key, chat, category, part, sealed)
        except SealBroken as error:
            log.warning("prepared.unreadable", job_id=str(claim.job_id), reason=error.reason)
            await in_statement(_FORGET, _named(chat), step=Step.PREPARE)
            raise NotPrepared from error
        return InsightContext(claim.message_count, {part: plain})

    async def _read(self, asked: Sequence[CategoryRef]) -> list[bytes | None]:
        user_ids, chat_ids, categories = zip(*asked, strict=True)
        found = await read_rows(
            PARTS,
            {
                "user_ids": list(user_ids),
                "chat_ids": list(chat_ids),
                "categories": list(categories),
                "part": self._part.value,
            },
        )
        sealed = {(row.user_id, row.chat_id, row.category): row.sealed for row in found}
        return [sealed.get(one) for one in asked]


async def find_unprepared(job: JobRef) -> UUID | None:
    """The chat that has to be prepared before the job can be claimed; None if none has to be."""
    user_id, job_id = job
    async with lone_read() as connection:
        found = await connection.execute(_UNPREPARED, {"user_id": user_id, "id": job_id})
        return found.scalar_one_or_none()


async def find_size(chat: ChatRef) -> int | None:
    """How many messages have to be prepared; None if it is done. Raises ChatGone."""
    async with lone_read() as connection:
        row = (await connection.execute(_SIZE, _named(chat))).one_or_none()
    if row is None:
        raise ChatGone
    return None if row.is_prepared else row.message_count


async def take_chat(chat: ChatRef, *, seconds: float) -> TakenChat | None:
    """The chat, for this worker to prepare; None when it is another's, prepared or deleted."""
    rows = await in_statement(_TAKE, _named(chat) | {"seconds": seconds}, step=Step.PREPARE)
    return next((TakenChat(*chat, row.revision, row.key_id, row.sealed_key) for row in rows), None)


async def leave_chat(chat: ChatRef) -> None:
    """Another worker may take it at once; one that is locked, when its time is over."""
    await in_statement(_LEAVE_FREE, _named(chat), step=Step.PREPARE)


def seal_parts(
    key: ChatKey, chat: ChatRef, parts: Mapping[tuple[str, Part], bytes]
) -> dict[tuple[str, Part], bytes]:
    """The parts as they are stored. Compresses all of them: run it in a thread."""
    return {
        (category, part): key.seal(plain, *_binding(chat, category, part))
        for (category, part), plain in parts.items()
    }


def opened_part(key: ChatKey, chat: ChatRef, category: str, part: Part, sealed: bytes) -> bytes:
    """What was sealed. Raises SealBroken."""
    return key.open(sealed, *_binding(chat, category, part))


async def store_prepared(
    chat: ChatRef,
    sealed: Mapping[tuple[str, Part], bytes],
    *,
    revision: int,
    substance: Substance | None = None,
) -> None:
    """Stores all parts of a chat and what it holds at once, and leaves it; of a revision that
    another has followed meanwhile, nothing. Raises ChatGone, and Locked while another transaction
    keeps the chat."""

    async def store(connection: AsyncConnection) -> bool:
        await wait_at_most(connection, ms=LOCK_WAIT_MS)
        held = _NOT_COUNTED if substance is None else counted(substance)
        place = _named(chat) | {"revision": revision}
        # Locks the chat, so that its deletion and its next revision come before or after.
        left = (await connection.execute(_LEAVE, place | held)).first()
        if left is None or left.revision != revision:
            return left is not None
        await connection.execute(_FORGET_OLD, _named(chat) | {"hours": OTHER_VERSION_HOURS})
        await connection.execute(
            _STORE,
            _named(chat)
            | {
                "categories": [category for category, _ in sealed],
                "parts": [part.value for _, part in sealed],
                "sealed": list(sealed.values()),
            },
        )
        return True

    if not await in_transaction(store, step=Step.STORE_PREPARED):
        raise ChatGone


def _named(chat: ChatRef) -> dict[str, Any]:
    return {"user_id": chat[0], "chat_id": chat[1]}


def _binding(chat: ChatRef, category: str, part: Part) -> tuple[str, ...]:
    user_id, chat_id = chat
    return ("prepared", user_id, str(chat_id), VERSION, category, part.value)


PARTS = text(f"""
    SELECT p.user_id, p.chat_id, p.category, p.sealed
    FROM unnest(CAST(:user_ids AS text[]), CAST(:chat_ids AS uuid[]), CAST(:categories AS text[]))
        AS t (user_id, chat_id, category)
    CROSS JOIN LATERAL (
        SELECT * FROM prepared_chats p
        WHERE p.user_id = t.user_id AND p.chat_id = t.chat_id AND p.version = '{VERSION}'
          AND p.category = t.category AND p.part = :part
    ) p
""")

_UNPREPARED = text(f"""
    SELECT j.chat_id FROM jobs j
    WHERE j.user_id = :user_id AND j.id = :id AND {DUE} AND NOT {IS_PREPARED}
""")

_IS_PREPARED = f"""
    EXISTS (SELECT FROM prepared_chats p
            WHERE p.user_id = c.user_id AND p.chat_id = c.id AND p.version = '{VERSION}')
"""

_SIZE = text(f"""
    SELECT c.message_count, {_IS_PREPARED} AS is_prepared
    FROM chats c WHERE c.user_id = :user_id AND c.id = :chat_id
""")

_TAKE = text(f"""
    WITH free AS (
        SELECT c.user_id, c.id FROM chats c
        WHERE c.user_id = :user_id AND c.id = :chat_id AND NOT {_IS_PREPARED}
          AND (c.preparing_until IS NULL OR c.preparing_until <= clock_timestamp()
               OR c.preparing_until > clock_timestamp() + make_interval(secs => {TAKEN_S_MAX}))
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE chats c
    SET preparing_until = clock_timestamp() + make_interval(secs => :seconds)
    FROM free {key_join("free")}
    WHERE c.user_id = free.user_id AND c.id = free.id
    RETURNING c.revision, {key_columns()}
""")

_NOT_COUNTED = {"worded_count": None, "voice_count": None, "day_count": None}

# What a chat holds was not counted if an earlier release stored it.
_LEAVE = text(f"""
    UPDATE chats
    SET preparing_until = NULL, {
    ", ".join(
        f"{name} = CASE WHEN revision = :revision"
        f" THEN coalesce(CAST(:{name} AS int), {name}) ELSE {name} END"
        for name in _NOT_COUNTED
    )
}
    WHERE user_id = :user_id AND id = :chat_id
    RETURNING revision
""")

_LEAVE_FREE = text("""
    WITH free AS (
        SELECT user_id, id FROM chats WHERE user_id = :user_id AND id = :chat_id
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE chats c SET preparing_until = NULL
    FROM free WHERE c.user_id = free.user_id AND c.id = free.id
    RETURNING c.id
""")

_FORGET_OLD = text(f"""
    DELETE FROM prepared_chats
    WHERE user_id = :user_id AND chat_id = :chat_id AND version <> '{VERSION}'
      AND prepared_at < clock_timestamp() - make_interval(hours => :hours)
""")

_FORGET = text(f"""
    DELETE FROM prepared_chats
    WHERE user_id = :user_id AND chat_id = :chat_id AND version = '{VERSION}'
    RETURNING chat_id
""")

_STORE = text(f"""
    INSERT INTO prepared_chats (user_id, chat_id, version, category, part, sealed)
    SELECT :user_id, :chat_id, '{VERSION}', t.category, t.part, t.sealed
    FROM unnest(CAST(:categories AS text[]), CAST(:parts AS text[]), CAST(:sealed AS bytea[]))
        AS t (category, part, sealed)
    ON CONFLICT DO NOTHING
""")
