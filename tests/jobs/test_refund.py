import asyncio
from uuid import UUID

import pytest

from app.credits.accounts import adjust_coins, opened_balance, read_statement
from app.credits.service import Balance, InsufficientCoins, ReferenceReused
from app.crypto import KeyRing
from app.errors import NotFound
from app.ids import new_id
from app.jobs.refund import NotRefundable, refund_job
from app.progress.snapshots import QueuePositions, load_snapshot
from tests.support.jobs import MakeEngine, assert_healthy, unlock


async def refund(job_id: UUID, user_id: str = "alice") -> bool:
    _, is_new = await refund_job(user_id, job_id, reason="it was poor", actor="ops")
    return is_new


async def test_a_refund_returns_the_coins_once_hides_the_content_and_opens_the_category(
    chat: UUID, make_engine: MakeEngine, keyring: KeyRing
) -> None:
    unlocked = await unlock("alice", chat)
    await make_engine().run_job("alice", unlocked.job_id)
    before = await load_snapshot("alice", unlocked.job_id, keyring, QueuePositions())
    assert sum(await asyncio.gather(*(refund(unlocked.job_id) for _ in range(6)))) == 1
    assert await opened_balance("alice") == Balance(50, 0)
    (newest, *_) = await read_statement("alice", limit=10)
    assert (newest.kind, newest.src, newest.reason, newest.actor) == (
        "refund",
        "revenue",
        "it was poor",
        "ops",
    )
    after = await load_snapshot("alice", unlocked.job_id, keyring, QueuePositions())
    assert after.version == before.version + 1
    assert [one.content for one in after.insights] == [None] * 6
    assert (after.settlement.state, after.settlement.refunded_coins) == ("refunded", 50)
    again = await unlock("alice", chat)
    await make_engine().run_job("alice", again.job_id)
    assert await opened_balance("alice") == Balance(0, 0)
    await assert_healthy()


async def test_only_what_was_charged_is_refunded(chat: UUID) -> None:
    unlocked = await unlock("alice", chat)
    with pytest.raises(NotRefundable):
        await refund(unlocked.job_id)
    with pytest.raises(NotFound):
        await refund(unlocked.job_id, "bob")
    with pytest.raises(NotFound):
        await refund(new_id())
    assert await opened_balance("alice") == Balance(0, 50)


async def test_an_adjustment_adds_or_takes_coins_once_for_each_reference(engine: None) -> None:
    async def adjust(coins: int, reference: str) -> bool:
        _, is_new = await adjust_coins(
            "alice", coins=coins, reason="by hand", reference=reference, actor="ops"
        )
        return is_new

    assert await adjust(10, "a")
    assert await adjust(-40, "b")
    assert not await adjust(-40, "b")
    assert await opened_balance("alice") == Balance(20, 0)
    with pytest.raises(ReferenceReused):
        await adjust(40, "b")
    with pytest.raises(InsufficientCoins) as refused:
        await adjust(-21, "c")
    assert refused.value.facts == {"available": 20, "required": 21}
    with pytest.raises(ValueError, match="adjustment"):
        await adjust(0, "d")
    await assert_healthy()
