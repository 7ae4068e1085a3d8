"""Moving every chat's key under the current master key, beside whatever runs.

Batches of keys, each a transaction by itself that changes only what is as it was read: it may be
ended and repeated at any time, and what has moved is not found again.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.chats.key_storage import erase_deleted_keys
from app.crypto import KeyRing, SealBroken, WrappedKey
from app.db import in_transaction, lone_read
from app.faults import Step

BATCH_MAX = 500
ROUNDS_MAX = 5
"""Over all keys, two at least: what was locked, or stored meanwhile, comes in the next one."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Rewrapped:
    """`unreadable` are keys whose master key is not configured, or that do not open."""

    key_id: str
    moved: int = 0
    unreadable: int = 0
    left: int = 0

    @property
    def is_complete(self) -> bool:
        return not (self.unreadable or self.left)


async def rewrap_keys(keyring: KeyRing) -> Rewrapped:
    """Every key that opens is wrapped by the current master key afterwards, and stands apart.

    No process may be left that knows no keys apart, nor one whose current master key is another.
    """
    told = Rewrapped(keyring.current_id)
    for number in range(ROUNDS_MAX):
        told.unreadable = told.left = 0
        for table in (_CHATS, _KEYS):
            await _rewrap_all(keyring, table, told)
        if number == 0:
            # What was stored with its key until now is found by the next round.
            await in_transaction(_keep_apart, step=Step.REWRAP)
        elif not told.left:
            break
    await erase_deleted_keys()
    return told


@dataclass(frozen=True, slots=True)
class _Table:
    """Where keys are read, in the order of their chats, and the statement that moves them."""

    read: TextClause
    move: TextClause


async def _rewrap_all(keyring: KeyRing, table: _Table, told: Rewrapped) -> None:
    after: tuple[str, UUID] = ("", UUID(int=0))
    while rows := await _read(table, keyring.current_id, after):
        after = (rows[-1].user_id, rows[-1].chat_id)
        opened = await asyncio.to_thread(_wrapped_anew, keyring, rows)
        told.unreadable += len(rows) - len(opened)
        moved = await _move(table, opened) if opened else 0
        told.moved += moved
        told.left += len(opened) - moved


async def _read(table: _Table, current_id: str, after: tuple[str, UUID]) -> Sequence[Row[Any]]:
    async with lone_read() as connection:
        found = await connection.execute(
            table.read.bindparams(user_id=after[0], chat_id=after[1], limit=BATCH_MAX),
            {"key_id": current_id} if table is _KEYS else {},
        )
        return found.all()


def _wrapped_anew(keyring: KeyRing, rows: Sequence[Row[Any]]) -> list[tuple[Row[Any], WrappedKey]]:
    wrapped: list[tuple[Row[Any], WrappedKey]] = []
    for row in rows:
        chat = (row.user_id, row.chat_id)
        try:
            key = keyring.unwrap(row.key_id, row.sealed_key, *chat)
        except SealBroken as error:
            log.error("key.unreadable", chat_id=str(row.chat_id), reason=error.reason)
            continue
        wrapped.append((row, keyring.wrap(key, *chat)))
    return wrapped


async def _move(table: _Table, keys: Sequence[tuple[Row[Any], WrappedKey]]) -> int:
    """How many were as they were read, and free."""

    async def move(connection: AsyncConnection) -> int:
        moved = await connection.execute(
            table.move,
            {
                "user_ids": [row.user_id for row, _ in keys],
                "chat_ids": [row.chat_id for row, _ in keys],
                "before": [row.sealed_key for row, _ in keys],
                "key_ids": [wrapped.key_id for _, wrapped in keys],
                "sealed": [wrapped.sealed for _, wrapped in keys],
            },
        )
        return int(moved.scalar_one())

    return await in_transaction(move, step=Step.REWRAP)


async def _keep_apart(connection: AsyncConnection) -> None:
    await connection.execute(_KEEP_APART)


_KEEP_APART = text("INSERT INTO contractions (name) VALUES ('keys_apart') ON CONFLICT DO NOTHING")

_TOLD = """
    told AS (
        SELECT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:chat_ids AS uuid[]), CAST(:before AS bytea[]),
            CAST(:key_ids AS text[]), CAST(:sealed AS bytea[])
        ) AS t (user_id, chat_id, before, key_id, sealed_key)
    )
"""

_CHATS = _Table(
    text("""
        SELECT user_id, id AS chat_id, key_id, sealed_key FROM chats
        WHERE key_id <> '' AND (user_id, id) > (:user_id, CAST(:chat_id AS uuid))
        ORDER BY user_id, id LIMIT :limit
    """),
    text(f"""
        WITH {_TOLD}, free AS (
            SELECT c.user_id, c.id AS chat_id, t.key_id, t.sealed_key
            FROM chats c JOIN told t ON t.user_id = c.user_id AND t.chat_id = c.id
            WHERE c.sealed_key = t.before
            ORDER BY c.user_id, c.id
            FOR NO KEY UPDATE OF c SKIP LOCKED
        ), kept AS (
            INSERT INTO chat_keys (user_id, chat_id, key_id, sealed_key) TABLE free
            ON CONFLICT (user_id, chat_id) DO UPDATE
            SET key_id = EXCLUDED.key_id, sealed_key = EXCLUDED.sealed_key
        ), emptied AS (
            UPDATE chats c SET key_id = '', sealed_key = ''
            FROM free f WHERE c.user_id = f.user_id AND c.id = f.chat_id
        )
        SELECT count(*) FROM free
    """),
)

_KEYS = _Table(
    text("""
        SELECT user_id, chat_id, key_id, sealed_key FROM chat_keys
        WHERE key_id <> :key_id AND (user_id, chat_id) > (:user_id, CAST(:chat_id AS uuid))
        ORDER BY user_id, chat_id LIMIT :limit
    """),
    text(f"""
        WITH {_TOLD}, free AS (
            SELECT k.user_id, k.chat_id, t.key_id, t.sealed_key
            FROM chat_keys k JOIN told t USING (user_id, chat_id)
            WHERE k.sealed_key = t.before
            ORDER BY k.user_id, k.chat_id
            FOR NO KEY UPDATE OF k SKIP LOCKED
        ), moved AS (
            UPDATE chat_keys k SET key_id = f.key_id, sealed_key = f.sealed_key
            FROM free f WHERE k.user_id = f.user_id AND k.chat_id = f.chat_id
        )
        SELECT count(*) FROM free
    """),
)
