import asyncio
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from app.catalog.categories import UnknownCategory
from app.credits.accounts import grant_coins, opened_balance
from app.credits.service import Balance, InsufficientCoins
from app.crypto import KeyRing
from app.errors import DomainError, NotFound
from app.jobs.cancel import cancel_job
from app.jobs.chat_deletion import delete_chat
from app.unlocks.unlock import (
    AlreadyUnlocked,
    IdempotencyKeyReused,
    PriceChanged,
    UnlockInProgress,
)
from tests.support.jobs import MakeEngine, assert_healthy, job_row, store_chat, unlock
from tests.support.statements import noted_statements


async def test_an_unlock_reserves_the_price_and_queues_six_insights(chat: UUID) -> None:
    woken: list[tuple[str, UUID]] = []

    async def wake(user_id: str, job_id: UUID) -> None:
        # After the commit: what is woken must find its job.
        assert (await job_row(user_id, job_id)).state == "queued"
        woken.append((user_id, job_id))

    unlocked = await unlock("alice", chat, wake=wake)
    assert (unlocked.price_coins, unlocked.available, unlocked.held) == (50, 0, 50)
    assert woken == [("alice", unlocked.job_id)]
    assert (await job_row("alice", unlocked.job_id)).insight_states == ["queued"] * 6
    await assert_healthy()


async def test_an_unlock_is_one_statement_and_a_refusal_at_most_three(chat: UUID) -> None:
    await opened_balance("alice")
    with noted_statements() as statements:
        await unlock("alice", chat, idempotency_key="k1")
    assert len(statements) == 1
    for order in ({"idempotency_key": "k1"}, {}, {"category": "nonsense"}, {"price_coins": 1}):
        with noted_statements() as statements, suppress(DomainError):
            await unlock("alice", chat, **order)
        assert len(statements) <= 3


async def test_a_replay_answers_the_first_reply_whatever_has_changed(
    chat: UUID, make_engine: MakeEngine
) -> None:
    first = await unlock("alice", chat, idempotency_key="k1")
    await make_engine().run_job("alice", first.job_id)
    await grant_coins("alice", coins=500, reason="gift", reference="g", actor="ops")
    again = await unlock("alice", chat, idempotency_key="k1")
    await delete_chat("alice", chat)
    afterwards = await unlock("alice", chat, idempotency_key="k1")
    assert first.replayed is False
    assert again.replayed is afterwards.replayed is True
    for replay in (again, afterwards):
        assert (replay.job_id, replay.state, replay.price_coins) == (first.job_id, "queued", 50)
        assert (replay.available, replay.held) == (first.available, first.held)
    await assert_healthy()


async def test_a_key_used_for_another_order_is_refused(chat: UUID) -> None:
    await unlock("alice", chat, idempotency_key="k1")
    for order in (
        {"category": "family"},
        {"chat_id": uuid4()},
        {"language": "de"},
        {"category": "no such"},
    ):
        with pytest.raises(IdempotencyKeyReused):
            await unlock(
                "alice",
                order.get("chat_id", chat),
                order.get("category", "friendship"),
                language=order.get("language"),
                idempotency_key="k1",
            )


async def test_the_same_key_of_two_users_makes_two_jobs(chat: UUID, keyring: KeyRing) -> None:
    other = await store_chat(keyring, "bob")
    first = await unlock("alice", chat, idempotency_key="k1")
    second = await unlock("bob", other, idempotency_key="k1")
    assert first.job_id != second.job_id


async def _refusal(*args: object, **order: object) -> DomainError:
    with pytest.raises(DomainError) as refused:
        await unlock(*args, **order)  # type: ignore[arg-type]
    return refused.value


async def test_refusals_reserve_nothing(chat: UUID, keyring: KeyRing) -> None:
    others = await store_chat(keyring, "bob")
    assert isinstance(await _refusal("alice", uuid4()), NotFound)
    assert isinstance(await _refusal("alice", others), NotFound)
    assert isinstance(await _refusal("alice", others, "nonsense"), NotFound)
    assert isinstance(await _refusal("alice", chat, "nonsense"), UnknownCategory)
    price = await _refusal("alice", chat, price_coins=49)
    assert isinstance(price, PriceChanged)
    poor = await _refusal("alice", chat, "romance")
    assert isinstance(poor, InsufficientCoins)
    assert poor.facts == {"available": 50, "required": 100}
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_a_refused_key_goes_through_after_topping_up(chat: UUID) -> None:
    await _refusal("alice", chat, "romance", idempotency_key="k1")
    await grant_coins("alice", coins=50, reason="gift", reference="g", actor="ops")
    unlocked = await unlock("alice", chat, "romance", idempotency_key="k1")
    assert (unlocked.replayed, unlocked.held) == (False, 100)


async def test_what_is_unlocked_or_under_way_is_not_sold_again(
    chat: UUID, make_engine: MakeEngine
) -> None:
    await grant_coins("alice", coins=500, reason="gift", reference="g", actor="ops")
    first = await unlock("alice", chat)
    busy = await _refusal("alice", chat)
    assert isinstance(busy, UnlockInProgress)
    assert busy.facts == {"job_id": first.job_id}
    await make_engine().run_job("alice", first.job_id)
    sold = await _refusal("alice", chat)
    assert isinstance(sold, AlreadyUnlocked)
    assert sold.facts == {"job_id": first.job_id}
    assert await opened_balance("alice") == Balance(500, 0)


async def test_a_cancelled_unlock_can_be_bought_again(chat: UUID) -> None:
    first = await unlock("alice", chat)
    await cancel_job("alice", first.job_id)
    assert (await unlock("alice", chat)).job_id != first.job_id
    await assert_healthy()


async def test_thirty_requests_with_one_key_have_one_effect(chat: UUID) -> None:
    replies = await asyncio.gather(
        *(unlock("alice", chat, idempotency_key="k1") for _ in range(30))
    )
    assert len({reply.job_id for reply in replies}) == 1
    assert {(reply.available, reply.held) for reply in replies} == {(0, 50)}
    assert sum(not reply.replayed for reply in replies) == 1
    await assert_healthy()


async def test_thirty_keys_on_one_chat_make_one_job(chat: UUID) -> None:
    await grant_coins("alice", coins=5_000, reason="gift", reference="g", actor="ops")
    replies = await asyncio.gather(
        *(unlock("alice", chat, idempotency_key=f"k{number}") for number in range(30)),
        return_exceptions=True,
    )
    assert sum(isinstance(reply, UnlockInProgress) for reply in replies) == 29
    assert (await opened_balance("alice")).held == 50
    await assert_healthy()


async def test_coins_for_three_buy_exactly_three_of_twelve(engine: None, keyring: KeyRing) -> None:
    chats = [await store_chat(keyring, "alice") for _ in range(12)]
    await grant_coins("alice", coins=120, reason="gift", reference="g", actor="ops")
    replies = await asyncio.gather(
        *(unlock("alice", chat_id) for chat_id in chats), return_exceptions=True
    )
    assert sum(isinstance(reply, InsufficientCoins) for reply in replies) == 9
    assert await opened_balance("alice") == Balance(20, 150)
    await assert_healthy()


async def test_an_unlock_races_the_settlement_of_the_same_category_without_selling_it_twice(
    chat: UUID, make_engine: MakeEngine
) -> None:
    await grant_coins("alice", coins=5_000, reason="gift", reference="g", actor="ops")
    job_engine = make_engine()
    first = await unlock("alice", chat)
    attempts = await asyncio.gather(
        job_engine.run_job("alice", first.job_id),
        *(unlock("alice", chat) for _ in range(20)),
        return_exceptions=True,
    )
    assert not [one for one in attempts[1:] if not isinstance(one, DomainError)]
    assert await opened_balance("alice") == Balance(5_000, 0)
    await assert_healthy()
