"""Unlocking a category: coins are reserved and a job is queued, in one transaction (T1)."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, ClassVar
from uuid import UUID, uuid5

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalog.categories import CATEGORIES, Category, UnknownCategory
from app.catalog.fit import Fit, Measures, fit_of
from app.credits.accounts import ensure_account
from app.credits.service import CreditService, InsufficientCoins
from app.db import in_turn
from app.errors import DomainError, NotFound
from app.faults import Spot, Step, reach
from app.ids import new_id
from app.jobs.leases import Locking
from app.jobs.models import JobState
from app.unlocks.batch import (
    Opening,
    UnlockBatcher,
    Unlocked,
    UnlockOrder,
    UnlockTerms,
    Unwritten,
    outcomes_of,
    unlock_values,
)
from app.unlocks.sql import LOOK, UNLOCK, WAIT_OF_DAY

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


class NotEnoughMessages(DomainError):
    """The chat does not hold enough for this category; nothing was reserved. `reason` says why."""

    code, http_status = "not_enough_messages", 409


class PriceChanged(DomainError):
    """The price is not the one the caller agreed to; nothing was reserved."""

    code, http_status = "price_changed", 409


class DailyLimit(DomainError):
    """No more unlocks today: too many were started, or they have cost too much."""

    code, http_status = "daily_limit", 429


class ProviderUnavailable(DomainError):
    """Insights cannot be written just now; nothing was reserved, try again later."""

    code, http_status = "provider_unavailable", 503
    retry_after_s: ClassVar[int] = 60


async def unlock_category(
    order: UnlockOrder, *, batcher: UnlockBatcher, wake: Wake, sells: bool = True
) -> Unlocked:
    """Reserves the price and queues the job, once for each Idempotency-Key.

    The order shares the next transaction of `batcher`, whose terms it is under. `wake` is called
    after the commit and must not raise. Without `sells` a replay is answered and nothing new is
    sold. Raises IdempotencyKeyReused, NotFound, UnknownCategory, AlreadyUnlocked,
    UnlockInProgress, NotEnoughMessages, PriceChanged, ProviderUnavailable, DailyLimit or
    InsufficientCoins: then nothing was changed, apart from the account that a first visit opens.
    """
    job_id = job_id_of(order)
    unlocked = await _write(order, job_id, batcher) if sells else None
    if unlocked is None:
        unlocked = await _look_closer(order, job_id, batcher.terms, sells=sells)
    # For a replay too: the first answer may have been lost before a worker was woken.
    await reach(Spot.WAKE)
    await wake(order.user_id, unlocked.job_id)
    return unlocked


def job_id_of(order: UnlockOrder) -> UUID:
    """The job's id: derived from user and key, so that a key is its own idempotency record."""
    if order.idempotency_key is None:
        return new_id()
    name = json.dumps([order.user_id, "unlock", order.idempotency_key], ensure_ascii=False)
    return uuid5(IDEMPOTENCY_NAMESPACE, name)


async def _write(order: UnlockOrder, job_id: UUID, batcher: UnlockBatcher) -> Unlocked | None:
    """The usual case: one statement, in which constraints decide. None: look closer."""
    category = CATEGORIES.get(order.category)
    if category is None or order.price_coins not in (None, category.price_coins):
        return None
    outcome = await batcher.submit(Opening(order, job_id, category))
    return None if isinstance(outcome, Unwritten) else outcome


async def _look_closer(
    order: UnlockOrder, job_id: UUID, terms: UnlockTerms, *, sells: bool
) -> Unlocked:
    """The order with its account locked first; the refusal or the replay, if there is one."""

    async def unlock(connection: AsyncConnection) -> Unlocked | None:
        return await _unlock(connection, order, job_id, terms, sells=sells)

    unlocked = await in_turn(order.user_id, unlock, step=Step.UNLOCK)
    if unlocked is None:
        await ensure_account(order.user_id)
        unlocked = await in_turn(order.user_id, unlock, step=Step.UNLOCK)
    if unlocked is None:
        raise RuntimeError("an unlock of an open account was neither written nor refused")
    return unlocked


async def _unlock(
    connection: AsyncConnection,
    order: UnlockOrder,
    job_id: UUID,
    terms: UnlockTerms,
    *,
    sells: bool,
) -> Unlocked | None:
    """Three statements at most. None when the user had no account to lock."""
    if not await CreditService(connection).lock_accounts([order.user_id]):
        return None
    sight = await _look(connection, order, job_id, terms)
    replay = _replay(sight, order, job_id)
    if replay is not None:
        return replay
    category = _unrefused(sight, order)
    if not sells:  # Before the price: a user must not buy coins for what cannot be had.
        raise ProviderUnavailable
    wait_s = await _wait_of_day(connection, order, sight, terms)
    if wait_s is not None:
        raise DailyLimit(retry_after_s=wait_s)
    if sight.available < category.price_coins:
        raise InsufficientCoins(available=sight.available, required=category.price_coins)
    # Nothing stands in the way: when it was tried, another transaction held the account or chat.
    opening = [Opening(order, job_id, category)]
    written = await connection.execute(UNLOCK[Locking.WAIT], unlock_values(opening, terms))
    (outcome,) = outcomes_of(opening, written)
    return None if isinstance(outcome, Unwritten) else outcome


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
    held = Measures(sight.worded_count, sight.voice_count, sight.day_count)
    fit, short = fit_of(category.key, held)
    if fit is Fit.NONE and short is not None:
        raise NotEnoughMessages(short.text, reason=asdict(short))
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
