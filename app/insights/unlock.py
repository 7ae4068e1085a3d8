"""Unlocking a category: coins are reserved and a job is queued, in one transaction (T1)."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.accounts import ensure_account
from app.credits.service import CreditService, InsufficientCoins
from app.credits.sql import RESERVE_CTES
from app.db import in_transaction
from app.errors import DomainError, NotFound
from app.faults import Spot, Step, reach
from app.ids import new_id
from app.insights.catalog import CATEGORIES, Category, UnknownCategory
from app.insights.models import JobState

IDEMPOTENCY_NAMESPACE = UUID("6f1d5a52-6c1c-4d8e-9c58-5b3c1e0f6a11")

Wake = Callable[[str, UUID], Awaitable[None]]


class IdempotencyKeyReused(DomainError):
    """This Idempotency-Key was used before, for another chat, category or language."""

    code, http_status = "idempotency_key_reused", 422


class AlreadyUnlocked(DomainError):
    """This category of this chat is unlocked; it is not sold twice."""

    code, http_status = "already_unlocked", 409


class UnlockInProgress(DomainError):
    """This category of this chat is being unlocked just now."""

    code, http_status = "unlock_in_progress", 409


class PriceChanged(DomainError):
    """The price is not the one the caller agreed to; nothing was reserved."""

    code, http_status = "price_changed", 409


@dataclass(frozen=True, slots=True)
class UnlockOrder:
    user_id: str
    chat_id: UUID
    category: str
    price_coins: int | None = None
    language: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The answer to an order; a replay repeats the first one to the letter."""

    job_id: UUID
    state: str
    price_coins: int
    available: int
    held: int
    replayed: bool


async def unlock_category(order: UnlockOrder, *, wake: Wake, expires_s: float) -> Unlocked:
    """Reserves the price and queues the job, once for each Idempotency-Key.

    `wake` is called after the commit and must not raise. Raises IdempotencyKeyReused, NotFound,
    UnknownCategory, AlreadyUnlocked, UnlockInProgress, PriceChanged or InsufficientCoins: then
    nothing was changed, apart from the account that a first visit opens.
    """
    job_id = job_id_of(order)

    async def unlock(connection: AsyncConnection) -> Unlocked | None:
        return await _unlock(connection, order, job_id, expires_s)

    unlocked = await in_transaction(unlock, step=Step.UNLOCK)
    if unlocked is None:
        await ensure_account(order.user_id)
        unlocked = await in_transaction(unlock, step=Step.UNLOCK)
    if unlocked is None:
        raise RuntimeError("an unlock of an open account was neither written nor refused")
    if not unlocked.replayed:
        await reach(Spot.WAKE)
        await wake(order.user_id, unlocked.job_id)
    return unlocked


def job_id_of(order: UnlockOrder) -> UUID:
    """The job's id: derived from user and key, so that a key is its own idempotency record."""
    if order.idempotency_key is None:
        return new_id()
    name = json.dumps([order.user_id, "unlock", order.idempotency_key], ensure_ascii=False)
    return uuid5(IDEMPOTENCY_NAMESPACE, name)


async def _unlock(
    connection: AsyncConnection, order: UnlockOrder, job_id: UUID, expires_s: float
) -> Unlocked | None:
    """At most three statements. None when the user had no account when it began.

    The first one locks the account and writes everything, deciding by constraints; all its parts
    share one snapshot, taken before the lock was had. So when the account moved meanwhile, or
    anything stands in the way, it writes nothing, and the second looks again under the lock.
    """
    category = CATEGORIES.get(order.category)
    if category is not None and order.price_coins in (None, category.price_coins):
        written = await _write(connection, order, category, job_id, expires_s)
        if written is not None:
            return written
    else:
        await CreditService(connection).lock_accounts([order.user_id])
    sight = await _look(connection, order, job_id)
    if sight.account is None:
        return None
    replay = _replay(sight, order, job_id)
    if replay is not None:
        return replay
    # Nothing stands in the way: only the first statement's snapshot was older than the lock.
    # None still if there was no account to lock then, and a first visit opened it meanwhile.
    return await _write(connection, order, _unrefused(sight, order, category), job_id, expires_s)


async def _write(
    connection: AsyncConnection,
    order: UnlockOrder,
    category: Category,
    job_id: UUID,
    expires_s: float,
) -> Unlocked | None:
    written = await connection.execute(
        _UNLOCK,
        {
            "user_id": order.user_id,
            "id": job_id,
            "chat_id": order.chat_id,
            "category": category.key,
            "language": order.language,
            "price": category.price_coins,
            "prompt_version": category.prompt_version,
            "keys": [insight.key for insight in category.insights],
            "expires_s": expires_s,
        },
    )
    row = written.first()
    if row is None:
        return None
    return Unlocked(
        job_id, JobState.QUEUED, category.price_coins, row.available, row.held, replayed=False
    )


async def _look(connection: AsyncConnection, order: UnlockOrder, job_id: UUID) -> Row[Any]:
    seen = await connection.execute(
        _LOOK,
        {
            "user_id": order.user_id,
            "id": job_id,
            "chat_id": order.chat_id,
            "category": order.category,
        },
    )
    return seen.one()


def _replay(sight: Row[Any], order: UnlockOrder, job_id: UUID) -> Unlocked | None:
    """The first answer to this key, rebuilt from the job and its `reserve:` entry."""
    if sight.replay_price is None:
        return None
    earlier = (sight.replay_chat_id, sight.replay_category, sight.replay_language)
    if earlier != (order.chat_id, order.category, order.language):
        raise IdempotencyKeyReused
    return Unlocked(
        job_id,
        JobState.QUEUED,
        sight.replay_price,
        sight.replay_available,
        sight.replay_held,
        # Without a key only this very call knows the id: it met its own lost COMMIT.
        replayed=order.idempotency_key is not None,
    )


def _unrefused(sight: Row[Any], order: UnlockOrder, category: Category | None) -> Category:
    """The category to sell; raises the first refusal that applies, in the contract's order."""
    if not sight.chat_exists:
        raise NotFound
    if category is None:
        raise UnknownCategory(category=order.category)
    if sight.succeeded_job is not None:
        raise AlreadyUnlocked(job_id=sight.succeeded_job)
    if sight.active_job is not None:
        raise UnlockInProgress(job_id=sight.active_job)
    if order.price_coins not in (None, category.price_coins):
        raise PriceChanged(price_coins=category.price_coins)
    if sight.available < category.price_coins:
        raise InsufficientCoins(available=sight.available, required=category.price_coins)
    return category


# A succeeded job of the same content that was not refunded. `chat` is the locked chat.
_UNLOCKED_BEFORE = """
    SELECT j.id FROM jobs j
    WHERE j.user_id = :user_id AND j.chat_id = :chat_id AND j.category = :category
      AND j.state = 'succeeded' AND j.content_hmac = chat.content_hmac
      AND NOT EXISTS (
          SELECT FROM entries e WHERE e.user_id = j.user_id AND e.op_key = 'refund:' || j.id
      )
"""

# `seen` is the account in the statement's snapshot, `account` the one that was locked, perhaps
# after waiting. Every unlock, settlement and refund of a user moves `seq`: while the two are
# equal, the snapshot is still true of everything that is decided here. The chat is locked too,
# so that one deleted meanwhile is not found.
_UNLOCK = text(f"""
    WITH seen AS (
        SELECT seq FROM accounts WHERE user_id = :user_id
    ), account AS (
        SELECT user_id, available, seq FROM accounts WHERE user_id = :user_id FOR NO KEY UPDATE
    ), chat AS (
        SELECT c.id, c.content_hmac FROM chats c
        WHERE c.user_id = (SELECT user_id FROM account) AND c.id = :chat_id
        FOR KEY SHARE
    ), opened AS (
        INSERT INTO jobs (user_id, id, chat_id, category, language, next_run_at, price_coins,
                          content_hmac, prompt_version)
        SELECT account.user_id, :id, :chat_id, :category, CAST(:language AS text),
               clock_timestamp(), :price, chat.content_hmac, :prompt_version
        FROM account JOIN seen USING (seq) CROSS JOIN chat
        WHERE account.available >= :price AND NOT EXISTS ({_UNLOCKED_BEFORE})
        ON CONFLICT DO NOTHING
        RETURNING user_id, id, price_coins AS price
    ), {RESERVE_CTES}, six AS (
        INSERT INTO insights (user_id, job_id, ord, key)
        SELECT opened.user_id, opened.id, insight.ord, insight.key
        FROM opened CROSS JOIN unnest(CAST(:keys AS text[])) WITH ORDINALITY AS insight (key, ord)
    ), used AS (
        UPDATE chats c SET used_at = clock_timestamp()
        FROM opened
        WHERE c.user_id = opened.user_id AND c.id = :chat_id
          AND c.used_at < clock_timestamp() - interval '1 day'
    )
    SELECT available, held FROM money
""")  # noqa: S608 (constants of this package)

_LOOK = text(f"""
    SELECT account.user_id AS account, account.available,
           replay.price_coins AS replay_price, replay.chat_id AS replay_chat_id,
           replay.category AS replay_category, replay.language AS replay_language,
           first.available_after AS replay_available, first.held_after AS replay_held,
           chat.id IS NOT NULL AS chat_exists,
           ({_UNLOCKED_BEFORE} LIMIT 1) AS succeeded_job,
           (SELECT j.id FROM jobs j
            WHERE j.user_id = :user_id AND j.chat_id = :chat_id AND j.category = :category
              AND j.state IN ('queued', 'running', 'settling')) AS active_job
    FROM (SELECT CAST(:user_id AS text) AS user_id) AS asked
    LEFT JOIN accounts account ON account.user_id = asked.user_id
    LEFT JOIN chats chat ON chat.user_id = asked.user_id AND chat.id = :chat_id
    LEFT JOIN jobs replay ON replay.user_id = asked.user_id AND replay.id = :id
    LEFT JOIN entries first
           ON first.user_id = asked.user_id AND first.op_key = 'reserve:' || CAST(:id AS uuid)
""")  # noqa: S608 (constants of this package)
