"""A row that a stranger has locked holds up its own job and no other."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from app import db, faults
from app.catalog.categories import CATEGORIES
from app.credits.accounts import adjust_coins, grant_coins, opened_balance
from app.credits.service import InsufficientCoins
from app.crypto import KeyRing
from app.db import close_engine, open_engine, transaction
from app.errors import DomainError, Locked
from app.generation.protocol import GenerationFailed
from app.group_commit import SKIPPED
from app.jobs import prepared_chats, settle
from app.jobs.archive import archive_jobs
from app.jobs.cancel import cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.chat_revisions import store_meta
from app.jobs.leases import LeaseTimes, claim_jobs, renew_leases
from app.jobs.operations import release_job, requeue_job
from app.jobs.prepared_chats import find_size, leave_chat, take_chat
from app.jobs.preparer import Preparer
from app.jobs.refund import refund_job
from app.jobs.rescue import end_abandoned_jobs
from app.jobs.sweeps import (
    cleanup_expired_reservations,
    delete_unused_chats,
    retry_payment,
)
from app.process_pool import ProcessPool
from app.settings import Settings
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


POOL_SIZE = 4
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""

Ask = Callable[[], Awaitable[Any]]


@pytest.fixture
async def small_pool(settings: Settings) -> AsyncIterator[None]:
    """The engine of a process with few connections, which does not wait long for one."""
    await open_engine(settings.database_url, pool_size=POOL_SIZE, pool_wait_s=2)
    yield
    await close_engine()


async def waiting(stranger: asyncpg.Connection) -> int:
    """How many connections wait for a lock just now."""
    await stranger.execute("SELECT pg_stat_clear_snapshot()")
    return await stranger.fetchval(WAITING)


@pytest.fixture
async def stranger(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A session of another process."""
    session = await asyncpg.connect(settings.database_url)
    yield session
    await session.close()


def asked_by_alice(chat: UUID, job_id: UUID) -> list[Ask]:
    """All that locks her account, each as often as a connection is there for it."""
    coins: dict[str, Any] = {"reason": "gift", "actor": "ops"}
    return POOL_SIZE * [
        lambda: unlock("alice", chat, "tension"),
        lambda: cancel_job("alice", job_id),
        lambda: delete_chat("alice", chat),
        lambda: store_meta("alice", chat, b"sealed", revision=1),
        lambda: grant_coins("alice", coins=1, reference=str(uuid4()), **coins),
        lambda: adjust_coins("alice", coins=1, reference=str(uuid4()), **coins),
        lambda: refund_job("alice", job_id, reason="poor", actor="ops"),
        lambda: release_job(job_id, reason="agreed"),
    ]


@pytest.mark.usefixtures("small_pool")
async def test_what_a_user_asks_of_a_locked_account_takes_one_connection(
    keyring: KeyRing, stranger: asyncpg.Connection
) -> None:
    chats = {user: await store_chat(keyring, user) for user in ("alice", "bob")}
    job_id = (await unlock("alice", chats["alice"])).job_id
    async with stranger.transaction():
        await stranger.execute(LOCKS["account"])
        asked = [asyncio.ensure_future(ask()) for ask in asked_by_alice(chats["alice"], job_id)]

        async def waits() -> bool:
            return await waiting(stranger) > 0

        await until(waits)
        for _ in range(10 * POOL_SIZE):
            assert await waiting(stranger) <= 1
            await grant_coins("bob", coins=5, reason="gift", reference=str(uuid4()), actor="ops")
        bobs = (await unlock("bob", chats["bob"])).job_id
        await cancel_job("bob", bobs)
        await delete_chat("bob", chats["bob"])
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert Counter(map(type, outcomes))[type(None)] >= 1
    assert not [one for one in outcomes if isinstance(one, BaseException) and not _told(one)]
    await assert_healthy()


def _told(error: BaseException) -> bool:
    """Whether a caller understands it: the job has ended, its chat is gone, or it was locked."""
    return isinstance(error, DomainError)


@pytest.mark.usefixtures("small_pool")
async def test_users_whose_accounts_are_locked_leave_connections_for_the_others(
    stranger: asyncpg.Connection,
) -> None:
    users = [f"user-{number}" for number in range(3 * POOL_SIZE)]
    for user in (*users, "bob"):
        await opened_balance(user)

    async def grant(user: str) -> None:
        await grant_coins(user, coins=5, reason="gift", reference=str(uuid4()), actor="ops")

    async with stranger.transaction():
        await stranger.execute("SELECT FROM accounts WHERE user_id <> 'bob' FOR UPDATE")
        asked = [asyncio.ensure_future(grant(user)) for user in users]

        async def wait_in_turn() -> bool:
            return await waiting(stranger) == POOL_SIZE // 2

        await until(wait_in_turn)
        await grant("bob")
        assert not any(one.done() for one in asked)
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert set(map(type, outcomes)) <= {type(None), Locked}
    assert type(None) in map(type, outcomes)


async def test_an_account_that_stays_locked_is_told_at_once(
    jobs: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a look and a turn: it is not tried five times."""
    begun: list[str] = []

    async def note(point: str, _: object) -> None:
        begun.append(point)

    monkeypatch.setattr(db, "LOCK_TURN_MS", 20)
    async with locked("account"):
        monkeypatch.setattr(faults, "hook", note)
        with pytest.raises(Locked):
            await cancel_job("alice", jobs["alice"])
        monkeypatch.setattr(faults, "hook", None)
    assert begun == ["cancel.begin"] * 2
    await cancel_job("alice", jobs["alice"])
    await assert_healthy()


async def test_a_job_that_stays_locked_is_told_at_once(
    jobs: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an operator it is, too."""
    monkeypatch.setattr(db, "LOCK_TURN_MS", 20)
    async with locked("job"):
        for ask in (
            lambda: requeue_job(jobs["alice"]),
            lambda: cancel_job("alice", jobs["alice"]),
        ):
            with pytest.raises(Locked):
                await ask()


async def test_whoever_gets_no_turn_is_told_in_the_end(
    jobs: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with locked("account"):
        first = asyncio.create_task(cancel_job("alice", jobs["alice"]))
        await until_transaction_waits()
        monkeypatch.setattr(db, "RETRIES_S", 0.01)
        with pytest.raises(Locked):
            await cancel_job("alice", jobs["alice"])
        assert not first.done()
    await first


async def test_chats_of_others_are_deleted_while_an_account_is_locked(
    jobs: dict[str, UUID], keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep asks for a locked user once, however many chats are hers."""
    monkeypatch.setattr(db, "LOCK_TURN_MS", 20)
    await store_chat(keyring, "alice")
    await execute("UPDATE chats SET used_at = clock_timestamp() - interval '1000 days'")
    async with locked("account"):
        assert await delete_unused_chats() == 2
    assert await delete_unused_chats() == 2
    assert [await state(user, jobs) for user in USERS] == ["cancelled"] * 3
    await assert_healthy()


async def test_jobs_of_others_are_archived_while_an_account_is_locked(
    jobs: dict[str, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "LOCK_TURN_MS", 20)
    await execute("UPDATE chats SET used_at = clock_timestamp() - interval '1000 days'")
    await delete_unused_chats()
    await execute("UPDATE jobs SET finished_at = finished_at - interval '2 years'")
    async with locked("account"):
        assert [month.jobs async for month in archive_jobs()] == [2]
    assert [month.jobs async for month in archive_jobs()] == [1]
    await assert_healthy()


async def test_a_chat_that_is_locked_when_it_is_prepared_lets_another_be_prepared(
    engine: None, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts are computed and wait to be stored; the one process is free."""
    monkeypatch.setattr(prepared_chats, "LOCK_WAIT_MS", 60_000)
    ask, asked, may_answer = ProcessPool.ask, asyncio.Event(), asyncio.Event()

    async def ask_slowly(pool: ProcessPool, frames: list[bytes], *, within_s: float) -> Any:
        asked.set()
        await may_answer.wait()
        return await ask(pool, frames, within_s=within_s)

    monkeypatch.setattr(ProcessPool, "ask", ask_slowly)
    chats = [(user, await store_chat(keyring, user, is_prepared=False)) for user in USERS[:2]]
    preparer = Preparer(keyring, processes=1, waiting_max=9)
    try:
        first = asyncio.create_task(preparer.prepare(chats[0]))
        await asked.wait()
        async with locked("chat"):
            may_answer.set()
            second = asyncio.create_task(preparer.prepare(chats[1]))
            done, _ = await asyncio.wait({first, second}, return_when=asyncio.FIRST_COMPLETED)
            assert done == {second}
        await first
        assert [await find_size(chat) for chat in chats] == [None, None]
    finally:
        await preparer.close()


async def test_a_locked_chat_is_left_to_the_end_of_its_time(engine: None, keyring: KeyRing) -> None:
    chat = ("alice", await store_chat(keyring, "alice", is_prepared=False))
    assert await take_chat(chat, seconds=600) is not None
    async with locked("chat"):
        await leave_chat(chat)  # It waits for nothing.
    assert await take_chat(chat, seconds=600) is None
    await leave_chat(chat)
    assert await take_chat(chat, seconds=600) is not None


async def test_a_refused_charge_whose_job_is_locked_meanwhile_does_not_end_the_sweep(
    jobs: dict[str, UUID], stranger: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be put aside, and is left as it is to the next round."""
    monkeypatch.setattr(settle, "LOCK_WAIT_MS", 20)
    await execute("UPDATE insights SET state = 'completed', sealed = 'x'")
    await execute("UPDATE reservations SET expires_at = clock_timestamp() - interval '1 s'")
    await execute(
        "ALTER TABLE entries ADD CONSTRAINT refused"
        " CHECK (kind <> 'capture' OR user_id <> 'alice') NOT VALID"
    )
    theirs = stranger.transaction()

    async def lock(point: str, _: object) -> None:
        if point == "postpone.begin" and not stranger.is_in_transaction():
            await theirs.start()
            await stranger.execute(LOCKS["job"])

    monkeypatch.setattr(faults, "hook", lock)
    assert await cleanup_expired_reservations() == 2
    assert stranger.is_in_transaction()
    monkeypatch.setattr(faults, "hook", None)
    await theirs.rollback()
    assert await state("alice", jobs) == "queued"
    await execute("ALTER TABLE entries DROP CONSTRAINT refused")
    assert await cleanup_expired_reservations() == 1
    assert [await state(user, jobs) for user in USERS] == ["succeeded"] * 3
    await assert_healthy()
