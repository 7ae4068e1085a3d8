"""Unlocking a category: coins are reserved and a job is queued, in one transaction (T1)."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.accounts import ensure_account
from app.credits.service import CreditService, InsufficientCoins
from app.db import in_transaction
from app.errors import DomainError, NotFound
from app.faults import Spot, Step, reach
from app.ids import new_id
from app.insights.catalog import CATEGORIES, Category, UnknownCategory
from app.insights.lanes import Lane
from app.insights.models import JobState
from app.insights.unlock_sql import LOOK, UNLOCK, WAIT_OF_DAY

IDEMPOTENCY_NAMESPACE = UUID("6f1d5a52-6c1c-4d8e-9c58-5b3c1e0f6a11")
TOGETHER_MAX = 64
"""Unlocks in one transaction: its accounts are locked while it lasts."""

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


class DailyLimit(DomainError):
    """No more unlocks today: too many were started, or they have cost too much."""

    code, http_status = "daily_limit", 429


@dataclass(frozen=True, slots=True)
class UnlockOrder:
    user_id: str
    chat_id: UUID
    category: str
    price_coins: int | None = None
    language: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class UnlockTerms:
    """What every unlock is under; the limits are of one user in 24 hours, None is none.

    `daily_cost_max` is in micro-dollars, of what a provider was paid.
    """

    expires_s: float
    daily_jobs_max: int | None = None
    daily_cost_max: int | None = None


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The answer to an order; a replay repeats the first one to the letter."""

    job_id: UUID
    state: str
    price_coins: int
    available: int
    held: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """An order that nothing is known against yet."""

    order: UnlockOrder
    job_id: UUID
    category: Category


UnlockLane = Lane[Opening, Unlocked | None]


def unlock_lane(terms: UnlockTerms) -> UnlockLane:
    """A process's lane: orders that arrive while a transaction is under way share the next."""

    async def write(openings: Sequence[Opening]) -> list[Unlocked | None]:
        return await _write_together(openings, terms)

    return UnlockLane(write, kind="unlocks", batch_max=TOGETHER_MAX)


async def unlock_category(
    order: UnlockOrder, *, wake: Wake, terms: UnlockTerms, lane: UnlockLane | None = None
) -> Unlocked:
    """Reserves the price and queues the job, once for each Idempotency-Key.

    `wake` is called after the commit and must not raise. Without `lane` the order is written
    alone. Raises IdempotencyKeyReused, NotFound, UnknownCategory, AlreadyUnlocked,
    UnlockInProgress, PriceChanged, DailyLimit or InsufficientCoins: then nothing was changed,
    apart from the account that a first visit opens.
    """
    job_id = job_id_of(order)
    unlocked = await _write_unseen(order, job_id, terms, lane)
    if unlocked is None:
        unlocked = await _unlock_seen(order, job_id, terms)
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


async def _write_unseen(
    order: UnlockOrder, job_id: UUID, terms: UnlockTerms, lane: UnlockLane | None
) -> Unlocked | None:
    """The usual case: one statement, in which constraints decide. None: look closer."""
    category = CATEGORIES.get(order.category)
    if category is None or order.price_coins not in (None, category.price_coins):
        return None
    opening = Opening(order, job_id, category)
    if lane is not None:
        return await lane.submit(opening)
    return (await _write_together([opening], terms))[0]


async def _write_together(openings: Sequence[Opening], terms: UnlockTerms) -> list[Unlocked | None]:
    """What was written, in one transaction; None for each order that something stands against."""

    async def write(connection: AsyncConnection) -> list[Unlocked | None]:
        return await _write(connection, openings, terms)

    return await in_transaction(write, step=Step.UNLOCK)


async def _unlock_seen(order: UnlockOrder, job_id: UUID, terms: UnlockTerms) -> Unlocked:
    """The order with its account locked first; the refusal or the replay, if there is one."""

    async def unlock(connection: AsyncConnection) -> Unlocked | None:
        return await _unlock(connection, order, job_id, terms)

    unlocked = await in_transaction(unlock, step=Step.UNLOCK)
    if unlocked is None:
        await ensure_account(order.user_id)
        unlocked = await in_transaction(unlock, step=Step.UNLOCK)
    if unlocked is None:
        raise RuntimeError("an unlock of an open account was neither written nor refused")
    return unlocked


async def _unlock(
    connection: AsyncConnection, order: UnlockOrder, job_id: UUID, terms: UnlockTerms
) -> Unlocked | None:
    """Three statements at most. None when the user had no account to lock."""
    if not await CreditService(connection).lock_accounts([order.user_id]):
        return None
    sight = await _look(connection, order, job_id, terms)
    replay = _replay(sight, order, job_id)
    if replay is not None:
        return replay
    category = _unrefused(sight, order)
    wait_s = await _wait_of_day(connection, order, sight, terms)
    if wait_s is not None:
        raise DailyLimit(retry_after_s=wait_s)
    if sight.available < category.price_coins:
        raise InsufficientCoins(available=sight.available, required=category.price_coins)
    # Nothing stands in the way: when it was tried, somebody else had the account.
    return (await _write(connection, [Opening(order, job_id, category)], terms))[0]


async def _write(
    connection: AsyncConnection, openings: Sequence[Opening], terms: UnlockTerms
) -> list[Unlocked | None]:
    # Of two orders under one key the second is looked at alone: it may be for something else.
    written_once = {opening.job_id: opening for opening in reversed(openings)}
    orders = [opening.order for opening in written_once.values()]
    sold = {opening.category.key: opening.category for opening in written_once.values()}
    specs = [(key, spec.ord, spec.key) for key, one in sold.items() for spec in one.insights]
    written = await connection.execute(
        UNLOCK,
        {
            "user_ids": [order.user_id for order in orders],
            "ids": list(written_once),
            "chat_ids": [order.chat_id for order in orders],
            "categories": [order.category for order in orders],
            "languages": [order.language for order in orders],
            "sold": list(sold),
            "prices": [category.price_coins for category in sold.values()],
            "prompt_versions": [category.prompt_version for category in sold.values()],
            "spec_categories": [category for category, _, _ in specs],
            "spec_ords": [ord_ for _, ord_, _ in specs],
            "spec_keys": [key for _, _, key in specs],
            "expires_s": terms.expires_s,
            "jobs_max": terms.daily_jobs_max,
            "cost_max": terms.daily_cost_max,
        },
    )
    balances = {row.id: row for row in written}
    return [_unlocked(opening, balances.pop(opening.job_id, None)) for opening in openings]


def _unlocked(opening: Opening, balance: Row[Any] | None) -> Unlocked | None:
    if balance is None:
        return None
    return Unlocked(
        opening.job_id,
        JobState.QUEUED,
        opening.category.price_coins,
        balance.available,
        balance.held,
        replayed=False,
    )


async def _look(
    connection: AsyncConnection, order: UnlockOrder, job_id: UUID, terms: UnlockTerms
) -> Row[Any]:
    seen = await connection.execute(
        LOOK,
        {
            "user_id": order.user_id,
            "id": job_id,
            "chat_id": order.chat_id,
            "category": order.category,
            "jobs_max": terms.daily_jobs_max,
            "cost_max": terms.daily_cost_max,
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


def _unrefused(sight: Row[Any], order: UnlockOrder) -> Category:
    """The category to sell; raises the first refusal that applies, in the contract's order."""
    if not sight.chat_exists:
        raise NotFound
    category = CATEGORIES.get(order.category)
    if category is None:
        raise UnknownCategory(category=order.category)
    if sight.succeeded_job is not None:
        raise AlreadyUnlocked(job_id=sight.succeeded_job)
    if sight.active_job is not None:
        raise UnlockInProgress(job_id=sight.active_job)
    if order.price_coins not in (None, category.price_coins):
        raise PriceChanged(price_coins=category.price_coins)
    return category


async def _wait_of_day(
    connection: AsyncConnection, order: UnlockOrder, sight: Row[Any], terms: UnlockTerms
) -> int | None:
    """Seconds until the user may unlock again; None if at once."""
    newer = 0
    if terms.daily_jobs_max is not None and sight.jobs_of_day >= terms.daily_jobs_max:
        newer = terms.daily_jobs_max - 1
    elif terms.daily_cost_max is not None and sight.cost_of_day >= terms.daily_cost_max:
        newer = sight.jobs_of_day - 1
    else:
        return None
    found = await connection.execute(WAIT_OF_DAY, {"user_id": order.user_id, "newer": newer})
    return found.scalar_one_or_none() or 1
