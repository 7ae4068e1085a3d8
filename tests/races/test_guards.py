"""Guards that matter in a race alone: each test fails without its guard."""

import asyncio
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from app.catalog.categories import CATEGORIES
from app.credits.accounts import grant_coins, opened_balance
from app.credits.service import Balance, InsufficientCoins
from app.crypto import KeyRing
from app.db import in_transaction
from app.faults import Moment, Step
from app.generation.model.generator import ModelGenerator
from app.jobs import attempt
from app.jobs.chat_deletion import delete_chat
from app.jobs.leases import LeaseTimes, Locking, claim_jobs, renew_leases
from app.jobs.sweeps import cleanup_expired_reservations
from app.unlocks.batch import (
    Opening,
    Outcome,
    UnlockBatcher,
    Unlocked,
    UnlockOrder,
    UnlockTerms,
    Unwritten,
    outcomes_of,
    unlock_values,
)
from app.unlocks.sql import UNLOCK
from app.unlocks.unlock import job_id_of, unlock_category
from tests.support.barriers import Barriers, stalled, stalled_before, stalling
from tests.support.jobs import (
    MakeEngine,
    assert_healthy,
    end_lease,
    execute,
    job_row,
    no_wake,
    store_chat,
    unlock,
)
from tests.support.scripted_llm import Scripted

TERMS = UnlockTerms(expires_s=3600)
TIMES = LeaseTimes(45, 110)
FROZEN_S = 46
"""Longer than a lease."""
OVERDUE = "UPDATE reservations SET expires_at = clock_timestamp() - interval '1 s'"


async def _unlock_stalled(chat: UUID) -> Outcome:
    """An order in a statement that has its snapshot already and no lock yet."""
    order = UnlockOrder("alice", chat, "friendship")
    opening = [Opening(order, job_id_of(order), CATEGORIES["friendship"])]
    stalled_unlock = stalled_before(UNLOCK[Locking.SKIP], "FOR NO KEY UPDATE SKIP LOCKED")

    async def write(connection: Any) -> list[Outcome]:
        values = unlock_values(opening, TERMS)
        return outcomes_of(opening, await connection.execute(stalled_unlock, values))

    (outcome,) = await in_transaction(write)
    return outcome


async def test_an_unlock_does_not_sell_what_was_sold_since_its_snapshot(
    chat: UUID, make_engine: MakeEngine
) -> None:
    await opened_balance("alice")
    await grant_coins("alice", coins=50, reason="gift", reference="rich", actor="ops")
    async with stalling() as stall:
        second = asyncio.create_task(_unlock_stalled(chat))
        await stall.arrived()
        first = await unlock("alice", chat)
        await make_engine().run_job("alice", first.job_id)
        assert (await job_row("alice", first.job_id)).state == "succeeded"
    assert await second is Unwritten.UNDECIDED
    assert await opened_balance("alice") == Balance(50, 0)


async def test_an_unlock_does_not_find_a_chat_that_was_deleted_since_its_snapshot(
    chat: UUID,
) -> None:
    await opened_balance("alice")
    async with stalling() as stall:
        unlocking = asyncio.create_task(_unlock_stalled(chat))
        await stall.arrived()
        await delete_chat("alice", chat)
    assert await unlocking is Unwritten.DOUBTFUL
    assert await opened_balance("alice") == Balance(50, 0)


async def test_of_two_unlocks_the_second_finds_the_coins_spent_and_says_so(
    chat: UUID, keyring: KeyRing
) -> None:
    """In two processes. The CHECK constraint would refuse it too, as an error of the program."""
    orders = [
        UnlockOrder("alice", one, "friendship")
        for one in (chat, await store_chat(keyring, "alice"))
    ]
    await opened_balance("alice")
    async with stalled("INSERT", "jobs") as stall:
        first, second = [
            asyncio.create_task(unlock_category(order, batcher=UnlockBatcher(TERMS), wake=no_wake))
            for order in orders
        ]
        await stall.arrived(2)  # One in its insert; the other waits for the account.
    answers = await asyncio.gather(first, second, return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unlocked, InsufficientCoins}
    assert await opened_balance("alice") == Balance(0, 50)
    await assert_healthy()


async def test_cleanup_leaves_a_job_whose_lease_was_renewed_after_its_scan(
    chat: UUID, barriers: Barriers
) -> None:
    job_id = (await unlock("alice", chat)).job_id
    (claim,) = await claim_jobs([("alice", job_id)], TIMES)
    assert claim is not None
    await execute(OVERDUE)
    await end_lease(job_id)
    held = barriers.hold(Step.CLEANUP, Moment.BEGIN)
    cleanup = asyncio.create_task(cleanup_expired_reservations())
    await held.arrived.wait()
    assert await renew_leases([claim.held], TIMES) == [True]
    held.let_go()
    assert await cleanup == 0
    assert (await job_row("alice", job_id)).state == "running"


@pytest.mark.parametrize("step", [Step.CLAIM, Step.NOTE_SENT])
async def test_a_worker_that_was_frozen_before_a_call_does_not_make_it(
    chat: UUID, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, step: Step
) -> None:
    """The transaction before the call was answered; its process read the answer much later."""
    clock = attempt.time.monotonic
    frozen_s = 0

    async def freeze(point: str, connection: Any) -> None:
        nonlocal frozen_s
        if point == f"{step}.{Moment.AFTER_COMMIT}":
            frozen_s = FROZEN_S

    monkeypatch.setattr(attempt, "time", SimpleNamespace(monotonic=lambda: clock() + frozen_s))
    monkeypatch.setattr("app.faults.hook", freeze)
    llm = Scripted(())
    job_id = (await unlock("alice", chat)).job_id
    await make_engine(generator=ModelGenerator(llm)).run_job("alice", job_id)
    assert frozen_s == FROZEN_S
    assert llm.prompts == []
    assert (await job_row("alice", job_id)).state == "running"
