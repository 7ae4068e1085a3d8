"""A row that a stranger has locked holds up its own job and no other."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import text

from app.catalog.categories import CATEGORIES
from app.credits.accounts import opened_balance
from app.credits.service import InsufficientCoins
from app.crypto import KeyRing
from app.db import transaction
from app.generation.protocol import GenerationFailed
from app.group_commit import SKIPPED
from app.jobs.leases import LeaseTimes, claim_jobs, renew_leases
from app.jobs.rescue import end_abandoned_jobs
from app.jobs.sweeps import retry_payment
from app.unlocks.batch import UnlockBatcher, Unlocked, UnlockOrder, UnlockTerms
from app.unlocks.unlock import UnlockInProgress, unlock_category
from tests.support.barriers import until_transaction_waits
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    execute,
    job_row,
    no_wake,
    store_chat,
    unlock,
)
from tests.support.waiting import until

USERS = ("alice", "bob", "carol")
ROWS = {  # That a job in flight writes to.
    "account": "SELECT FROM accounts WHERE user_id = 'alice' FOR UPDATE",
    "job": "SELECT FROM jobs WHERE user_id = 'alice' FOR UPDATE",
    "reservation": "SELECT FROM reservations WHERE user_id = 'alice' FOR UPDATE",
    "insight": "SELECT FROM insights WHERE user_id = 'alice' FOR UPDATE",
}
LOCKS = ROWS | {"chat": "SELECT FROM chats WHERE user_id = 'alice' FOR UPDATE"}


@asynccontextmanager
async def locked(row: str) -> AsyncGenerator[None]:
    """A stranger's transaction has locked this row of Alice's."""
    async with transaction() as stranger:
        await stranger.execute(text(LOCKS[row]))
        yield


@pytest.fixture
async def jobs(engine: None, keyring: KeyRing) -> dict[str, UUID]:
    """A job of each user."""
    return {user: (await unlock(user, await store_chat(keyring, user))).job_id for user in USERS}


async def state(user: str, jobs: dict[str, UUID]) -> str:
    return (await job_row(user, jobs[user])).state


@pytest.mark.parametrize("row", ROWS)
async def test_jobs_end_while_a_row_of_another_is_locked(
    make_engine: MakeEngine, generator: ScriptedGenerator, jobs: dict[str, UUID], row: str
) -> None:
    """All six calls of each job come back at one moment, so that one batch would hold them all."""
    generator.gate = asyncio.Event()
    worker = make_engine()
    running = {user: asyncio.create_task(worker.run_job(user, jobs[user])) for user in USERS}
    await until(lambda: len(generator.calls) == 6 * len(USERS))
    async with locked(row):
        generator.gate.set()
        await asyncio.gather(running["bob"], running["carol"])
        assert [await state(user, jobs) for user in USERS] == ["running", "succeeded", "succeeded"]
    await running["alice"]
    assert await state("alice", jobs) == "succeeded"
    await assert_healthy()


async def test_jobs_ask_for_another_attempt_while_one_is_locked(
    make_engine: MakeEngine, generator: ScriptedGenerator, jobs: dict[str, UUID]
) -> None:
    generator.gate = asyncio.Event()
    generator.script = lambda _: GenerationFailed("busy", retry_after_s=600)
    worker = make_engine()
    running = {user: asyncio.create_task(worker.run_job(user, jobs[user])) for user in USERS}
    await until(lambda: len(generator.calls) == 6 * len(USERS))
    async with locked("job"):
        generator.gate.set()
        await asyncio.gather(running["bob"], running["carol"])
        assert [await state(user, jobs) for user in USERS] == ["running", "queued", "queued"]
    await running["alice"]
    assert await state("alice", jobs) == "queued"


async def test_a_heartbeat_waits_for_nobody_and_tells_locked_from_lost(
    jobs: dict[str, UUID],
) -> None:
    times = LeaseTimes(45, 110)
    claims = await claim_jobs([(user, jobs[user]) for user in USERS], times)
    held = [claim.held for claim in claims if claim is not None]
    await execute("UPDATE jobs SET fence = fence + 1 WHERE user_id = 'carol'")
    async with locked("job"):
        assert await renew_leases(held, times) == [SKIPPED, True, False]
    assert await renew_leases(held, times) == [True, True, False]


async def test_a_beat_that_finds_a_lease_locked_leaves_the_job_running(
    make_engine: MakeEngine, generator: ScriptedGenerator, jobs: dict[str, UUID]
) -> None:
    generator.gate = asyncio.Event()
    worker = make_engine(heartbeat_s=0.01)
    running = {user: asyncio.create_task(worker.run_job(user, jobs[user])) for user in USERS}
    await until(lambda: len(generator.calls) == 6 * len(USERS))
    async with locked("job"):
        before = (await job_row("bob", jobs["bob"])).lease_until

        async def is_renewed() -> bool:
            return (await job_row("bob", jobs["bob"])).lease_until > before

        await until(is_renewed)
    generator.gate.set()
    await asyncio.gather(*running.values())
    assert [await state(user, jobs) for user in USERS] == ["succeeded"] * 3


async def test_jobs_are_claimed_while_an_insight_of_another_is_locked(
    jobs: dict[str, UUID],
) -> None:
    """Of an earlier attempt, which failed: a claim queues such insights anew."""
    await execute("UPDATE jobs SET fence = 1")
    await execute("UPDATE insights SET state = 'failed', error_code = 'busy'")
    async with locked("insight"):
        claims = await claim_jobs([(user, jobs[user]) for user in USERS], LeaseTimes(45, 110))
        assert [claim is not None for claim in claims] == [True] * 3
        assert [(await job_row(user, jobs[user])).insight_states for user in USERS] == [
            ["failed"] * 6,
            ["queued"] * 6,
            ["queued"] * 6,
        ]


@pytest.mark.parametrize("row", ["account", "chat"])
async def test_categories_are_unlocked_while_a_row_of_another_is_locked(
    engine: None, keyring: KeyRing, row: str
) -> None:
    """Their orders come at one moment, so that one statement would hold them all."""
    batcher = UnlockBatcher(UnlockTerms(3600))
    chats = {user: await store_chat(keyring, user) for user in USERS}
    for user in USERS:
        await opened_balance(user)
    async with locked(row):
        orders = {
            user: asyncio.create_task(
                unlock_category(
                    UnlockOrder(user, chats[user], "friendship"), batcher=batcher, wake=no_wake
                )
            )
            for user in USERS
        }
        await asyncio.gather(orders["bob"], orders["carol"])
        assert not orders["alice"].done()
    assert (await orders["alice"]).held == 50
    await assert_healthy()


async def test_orders_of_a_locked_chat_do_not_hold_up_the_refusal_of_another_user(
    engine: None, keyring: KeyRing
) -> None:
    """Both are looked at alone: whoever has to wait there takes one connection."""
    batcher = UnlockBatcher(UnlockTerms(3600))
    chats = {user: await store_chat(keyring, user) for user in USERS}

    async def order(user: str, category: str) -> Unlocked:
        asked = UnlockOrder(user, chats[user], category)
        return await unlock_category(asked, batcher=batcher, wake=no_wake)

    await opened_balance("alice")
    await order("bob", "friendship")
    async with locked("chat"):
        waiting = [asyncio.create_task(order("alice", key)) for key in CATEGORIES]
        await until_transaction_waits()
        with pytest.raises(UnlockInProgress):
            await order("bob", "friendship")
        assert not any(one.done() for one in waiting)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert Counter(map(type, answers)) == {Unlocked: 1, InsufficientCoins: len(CATEGORIES) - 1}
    await assert_healthy()


async def test_rescue_ends_the_abandoned_whose_rows_are_free(jobs: dict[str, UUID]) -> None:
    await execute(
        "UPDATE jobs SET state = 'running', attempt = 3, fence = 3, next_run_at = NULL,"
        " lease_until = clock_timestamp() - interval '1 s'"
    )
    async with locked("account"):
        assert await end_abandoned_jobs() == 2
    assert await end_abandoned_jobs() == 1
    assert [await state(user, jobs) for user in USERS] == ["failed"] * 3
    await assert_healthy()


@pytest.mark.parametrize("row", ["account", "job", "reservation"])
async def test_a_charge_that_finds_a_row_locked_stays_due(jobs: dict[str, UUID], row: str) -> None:
    """To be put off by minutes is for charges that were refused."""
    await execute("UPDATE insights SET state = 'completed', sealed = 'x'")
    await execute("UPDATE jobs SET state = 'settling', next_run_at = clock_timestamp()")
    async with locked(row):
        assert await retry_payment() == 2
    assert await retry_payment() == 1
    assert [await state(user, jobs) for user in USERS] == ["succeeded"] * 3
    await assert_healthy()
