"""Orders of one moment, written in one transaction."""

import asyncio
from collections.abc import Awaitable, Sequence
from uuid import UUID

import pytest
from sqlalchemy import text

from app.catalog.categories import CATEGORIES
from app.credits.accounts import grant_coins, opened_balance
from app.credits.service import Balance, CreditService, InsufficientCoins
from app.crypto import KeyRing
from app.db import transaction
from app.unlocks.batch import UnlockBatcher, Unlocked, UnlockOrder, UnlockTerms
from app.unlocks.unlock import (
    DailyLimit,
    IdempotencyKeyReused,
    UnlockInProgress,
    unlock_category,
)
from tests.support.jobs import (
    MakeEngine,
    assert_healthy,
    execute,
    job_row,
    no_wake,
    store_chat,
    unlock,
)

TERMS = UnlockTerms(expires_s=3600)
PRICE = CATEGORIES["friendship"].price_coins
DEADLINE_S = 60


async def _together(
    orders: Sequence[UnlockOrder], *, terms: UnlockTerms = TERMS
) -> list[Unlocked | BaseException]:
    """The answers to orders of one moment; all but the first share a transaction."""
    batcher = UnlockBatcher(terms)
    return await asyncio.gather(
        *(_unlock(order, batcher) for order in orders), return_exceptions=True
    )


def _unlock(order: UnlockOrder, batcher: UnlockBatcher) -> Awaitable[Unlocked]:
    return unlock_category(order, batcher=batcher, wake=no_wake)


async def _rich(user_id: str, coins: int) -> None:
    await opened_balance(user_id)
    await grant_coins(user_id, coins=coins, reason="gift", reference="rich", actor="ops")


async def _chats(keyring: KeyRing, user_id: str, count: int) -> list[UUID]:
    return [await store_chat(keyring, user_id) for _ in range(count)]


async def test_orders_of_many_users_each_move_their_own_coins(
    engine: None, keyring: KeyRing
) -> None:
    users = [f"user-{number}" for number in range(6)]
    chats = [await store_chat(keyring, user) for user in users]
    for user in users:
        await opened_balance(user)
    orders = [
        UnlockOrder(user, chat, "friendship") for user, chat in zip(users, chats, strict=True)
    ]
    answers = await _together(orders)
    for user, answer in zip(users, answers, strict=True):
        assert isinstance(answer, Unlocked)
        assert (answer.available, answer.held) == (0, 50)
        assert (await job_row(user, answer.job_id)).insight_states == ["queued"] * 6
    await assert_healthy()


async def test_orders_of_one_user_are_numbered_one_after_the_other(
    engine: None, keyring: KeyRing
) -> None:
    await _rich("alice", 10 * PRICE)
    chats = await _chats(keyring, "alice", 5)
    answers = await _together([UnlockOrder("alice", chat, "friendship") for chat in chats])
    held = sorted(answer.held for answer in answers if isinstance(answer, Unlocked))
    assert held == [PRICE * number for number in range(1, 6)]
    assert await opened_balance("alice") == Balance(50 + 5 * PRICE, 5 * PRICE)
    await assert_healthy()


async def test_coins_for_three_of_six_orders_of_one_moment_sell_exactly_three(
    engine: None, keyring: KeyRing
) -> None:
    await _rich("alice", 3 * PRICE - 50)
    chats = await _chats(keyring, "alice", 6)
    answers = await _together([UnlockOrder("alice", chat, "friendship") for chat in chats])
    assert sum(isinstance(answer, Unlocked) for answer in answers) == 3
    assert sum(isinstance(answer, InsufficientCoins) for answer in answers) == 3
    await assert_healthy()


async def test_one_key_many_times_in_one_moment_has_one_effect_and_one_answer(chat: UUID) -> None:
    await _rich("alice", 10 * PRICE)
    order = UnlockOrder("alice", chat, "friendship", idempotency_key="k")
    answers = await _together([order] * 8)
    told = {
        (answer.job_id, answer.available, answer.held)
        for answer in answers
        if isinstance(answer, Unlocked)
    }
    assert len(told) == 1
    assert [isinstance(one, Unlocked) and one.replayed for one in answers].count(False) == 1
    await assert_healthy()


async def test_one_key_for_two_things_in_one_moment_sells_one_of_them(
    chat: UUID, keyring: KeyRing
) -> None:
    await _rich("alice", 10 * PRICE)
    first, second, *_ = CATEGORIES
    orders = [
        UnlockOrder("alice", chat, category, idempotency_key="k")
        for category in (first, second, first, second)
    ]
    # The first one goes alone: the others meet in the transaction after it.
    answers = await _together(
        [UnlockOrder("alice", await store_chat(keyring, "alice"), first), *orders]
    )
    assert sum(isinstance(answer, Unlocked) for answer in answers) == 3
    assert sum(isinstance(answer, IdempotencyKeyReused) for answer in answers) == 2
    await assert_healthy()


async def test_one_category_twice_in_one_moment_is_sold_once(chat: UUID, keyring: KeyRing) -> None:
    await _rich("alice", 10 * PRICE)
    order = UnlockOrder("alice", chat, "friendship")
    other = UnlockOrder("alice", await store_chat(keyring, "alice"), "friendship")
    answers = await _together([other, order, order, order])
    assert sum(isinstance(answer, Unlocked) for answer in answers) == 2
    assert sum(isinstance(answer, UnlockInProgress) for answer in answers) == 2
    await assert_healthy()


async def test_a_locked_account_holds_up_no_stranger_of_the_same_moment(
    engine: None, keyring: KeyRing
) -> None:
    chats = {user: await store_chat(keyring, user) for user in ("alice", "bob", "carol")}
    for user in chats:
        await opened_balance(user)
    batcher = UnlockBatcher(TERMS)
    async with asyncio.timeout(DEADLINE_S):
        async with transaction() as connection:
            await CreditService(connection).lock_accounts(["bob"])
            answers = {
                user: asyncio.ensure_future(_unlock(UnlockOrder(user, chat, "friendship"), batcher))
                for user, chat in chats.items()
            }
            await asyncio.gather(answers["alice"], answers["carol"])
            assert not answers["bob"].done()
        assert (await answers["bob"]).held == 50
    await assert_healthy()


async def test_a_newcomer_among_others_gets_an_account_and_the_unlock(
    engine: None, keyring: KeyRing
) -> None:
    await opened_balance("alice")
    orders = [
        UnlockOrder(user, await store_chat(keyring, user), "friendship")
        for user in ("alice", "newcomer")
    ]
    answers = await _together(orders)
    assert all(isinstance(answer, Unlocked) for answer in answers)
    await assert_healthy()


async def test_the_daily_limit_of_unlocks_holds_within_one_moment_too(
    engine: None, keyring: KeyRing
) -> None:
    await _rich("alice", 20 * PRICE)
    chats = await _chats(keyring, "alice", 6)
    terms = UnlockTerms(3600, daily_jobs_max=4)
    orders = [UnlockOrder("alice", chat, "friendship", idempotency_key=str(chat)) for chat in chats]
    answers = await _together(orders, terms=terms)
    sold = [one for one in answers if isinstance(one, Unlocked)]
    refused = [one for one in answers if isinstance(one, DailyLimit)]
    assert (len(sold), len(refused)) == (4, 2)
    assert all(86_000 < one.facts["retry_after_s"] <= 86_400 for one in refused)
    # What was sold is answered again, whatever the limit.
    keys = [str(chat) for chat, one in zip(chats, answers, strict=True) if one in sold]
    again = await unlock("alice", UUID(keys[0]), idempotency_key=keys[0])
    assert again.replayed
    # A day later it is open again.
    await execute("UPDATE jobs SET created_at = created_at - interval '24 hours'")
    late = [order for order, one in zip(orders, answers, strict=True) if one in refused]
    assert all(isinstance(one, Unlocked) for one in await _together(late, terms=terms))
    await assert_healthy()


async def test_the_daily_limit_of_cost_counts_what_a_provider_was_paid(
    chat: UUID, make_engine: MakeEngine, keyring: KeyRing
) -> None:
    await _rich("alice", 20 * PRICE)
    terms = UnlockTerms(3600, daily_cost_max=42)
    first = await _unlock(UnlockOrder("alice", chat, "friendship"), UnlockBatcher(terms))
    await make_engine().run_job("alice", first.job_id)  # Six insights of 7 micro-dollars each.
    order = UnlockOrder("alice", await store_chat(keyring, "alice"), "friendship")
    with pytest.raises(DailyLimit):
        await _unlock(order, UnlockBatcher(terms))
    more = UnlockTerms(3600, daily_cost_max=43)
    assert (await _unlock(order, UnlockBatcher(more))).held == PRICE
    await assert_healthy()


async def test_a_refused_order_leaves_nothing_behind(chat: UUID) -> None:
    await _rich("alice", 20 * PRICE)
    terms = UnlockTerms(3600, daily_jobs_max=1)
    first = UnlockOrder("alice", chat, "friendship")
    batcher = UnlockBatcher(terms)
    await _unlock(first, batcher)
    with pytest.raises(DailyLimit):
        await _unlock(UnlockOrder("alice", chat, list(CATEGORIES)[1]), batcher)
    async with transaction() as connection:
        jobs = await connection.execute(text("SELECT count(*) FROM jobs"))
        assert jobs.scalar_one() == 1
    await assert_healthy()


async def test_who_works_on_a_job_holds_up_no_order_for_it_and_no_strangers(
    chat: UUID, keyring: KeyRing
) -> None:
    await _rich("alice", 10 * PRICE)
    await opened_balance("bob")
    first = UnlockOrder("alice", chat, "friendship", idempotency_key="k")
    job_id = (await _unlock(first, UnlockBatcher(TERMS))).job_id
    again = UnlockOrder("alice", chat, "friendship")
    stranger = UnlockOrder("bob", await store_chat(keyring, "bob"), "friendship")
    async with asyncio.timeout(DEADLINE_S), transaction() as connection:
        await connection.execute(
            text("UPDATE jobs SET version = version + 1 WHERE id = :id"), {"id": job_id}
        )
        replayed, refused, sold = await _together([first, again, stranger])
    assert isinstance(replayed, Unlocked)
    assert replayed.replayed
    assert isinstance(refused, UnlockInProgress)
    assert isinstance(sold, Unlocked)


async def test_many_busy_accounts_leave_connections_for_everybody_else(
    engine: None, keyring: KeyRing
) -> None:
    busy = [f"busy-{number}" for number in range(12)]
    chats = {user: await store_chat(keyring, user) for user in [*busy, "alice"]}
    for user in chats:
        await opened_balance(user)
    batcher = UnlockBatcher(TERMS)
    async with asyncio.timeout(DEADLINE_S):
        async with transaction() as connection:
            await CreditService(connection).lock_accounts(busy)
            waiting = [
                asyncio.ensure_future(_unlock(UnlockOrder(user, chats[user], "work"), batcher))
                for user in busy
            ]
            free = UnlockOrder("alice", chats["alice"], "friendship")
            assert (await _unlock(free, batcher)).held == PRICE
            assert await opened_balance("alice") == Balance(0, PRICE)
        refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(one, InsufficientCoins) for one in refused)
    await batcher.close()
    await assert_healthy()
