"""A chat is prepared once; a job that needs it waits without a lease, and loses no time."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.credits.accounts import grant_coins
from app.crypto import KeyRing
from app.db import snapshot
from app.generation.context import VERSION
from app.jobs import preparer as preparing
from app.jobs.chat_deletion import delete_chat
from app.jobs.engine import JobEngine
from app.jobs.prepared_chats import find_size, seal_parts, store_prepared, take_chat
from app.jobs.preparer import Preparer
from app.jobs.rescue import find_due_jobs
from app.process_pool import ProcessFailed, ProcessPool
from tests.support.jobs import (
    MakeEngine,
    assert_healthy,
    execute,
    job_row,
    prepared_small_chat,
    store_chat,
    unlock,
)
from tests.support.waiting import until


class Gate:
    """What the preparing processes are asked, and when they answer."""

    def __init__(self, ask: Any) -> None:
        self._ask = ask
        self.asked = 0
        self.open = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, pool: ProcessPool, frames: list[bytes], *, within_s: float) -> Any:
        self.asked += 1
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        return await self._ask(pool, frames, within_s=within_s)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate(ProcessPool.ask)

    async def ask(pool: ProcessPool, frames: list[bytes], *, within_s: float) -> Any:
        return await gate(pool, frames, within_s=within_s)

    monkeypatch.setattr(ProcessPool, "ask", ask)
    return gate


@pytest.fixture
async def new_chat(engine: None, keyring: KeyRing) -> UUID:
    """A chat of Alice's that was just uploaded."""
    return await store_chat(keyring, "alice", is_prepared=False)


@pytest.fixture
async def preparer(engine: None, keyring: KeyRing) -> AsyncIterator[Preparer]:
    preparer = Preparer(keyring, processes=1, waiting_max=9)
    yield preparer
    await preparer.close()


async def rows(chat_id: UUID) -> list[Any]:
    async with snapshot() as connection:
        found = await connection.execute(
            text("SELECT * FROM prepared_chats WHERE chat_id = :id"), {"id": chat_id}
        )
        return list(found)


async def is_taken(chat_id: UUID) -> bool:
    async with snapshot() as connection:
        found = await connection.execute(
            text("SELECT preparing_until FROM chats WHERE id = :id"), {"id": chat_id}
        )
        return found.scalar_one() is not None


async def assert_done(job_id: UUID, *, attempt: int = 1) -> None:
    job = await job_row("alice", job_id)
    assert (job.state, job.attempt) == ("succeeded", attempt)
    await assert_healthy()


async def test_jobs_of_a_chat_wait_for_one_preparation_without_a_lease(
    make_engine: MakeEngine, new_chat: UUID, gate: Gate
) -> None:
    worker = make_engine()
    await grant_coins("alice", coins=100, reason="gift", reference="g", actor="ops")
    jobs = [(await unlock("alice", new_chat, one)).job_id for one in ("friendship", "work")]
    running = [asyncio.create_task(worker.run_job("alice", job_id)) for job_id in jobs]
    await until(lambda: gate.asked > 0)
    for job_id in jobs:
        job = await job_row("alice", job_id)
        assert (job.state, job.attempt, job.lease_until) == ("queued", 0, None)
    assert await is_taken(new_chat)
    gate.open.set()
    await asyncio.gather(*running)
    for job_id in jobs:
        await assert_done(job_id)
    assert gate.asked == 1
    assert not await is_taken(new_chat)


async def test_a_second_wake_up_of_a_job_that_waits_starts_nothing(
    make_engine: MakeEngine, new_chat: UUID, gate: Gate
) -> None:
    worker = make_engine()
    job_id = (await unlock("alice", new_chat)).job_id
    running = asyncio.create_task(worker.run_job("alice", job_id))
    await until(lambda: gate.asked > 0)
    await worker.run_job("alice", job_id)
    gate.open.set()
    await running
    await assert_done(job_id)


async def test_what_is_prepared_is_sealed(new_chat: UUID, preparer: Preparer) -> None:
    await preparer.prepare(("alice", new_chat))
    sealed = await rows(new_chat)
    assert {(row.category, row.part) for row in sealed} == {
        (category, part.value) for category, part in prepared_small_chat()
    }
    assert not any(word in row.sealed for row in sealed for word in (b"cake", b"Ann", b"alice"))
    assert await find_size(("alice", new_chat)) is None


async def test_a_job_waits_for_the_worker_that_has_taken_its_chat(
    make_engine: MakeEngine, keyring: KeyRing, new_chat: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "ELSEWHERE_POLL_S", 0.01)
    chat = ("alice", new_chat)
    taken = await take_chat(chat, seconds=600)
    assert taken is not None
    assert await take_chat(chat, seconds=600) is None
    job_id = (await unlock("alice", new_chat)).job_id
    worker = make_engine(waiting_max=1)
    running = asyncio.create_task(worker.run_job("alice", job_id))
    await until(lambda: not worker.has_room_to_prepare)
    key = keyring.unwrap(taken.key_id, taken.sealed_key, *chat)
    await store_prepared(chat, seal_parts(key, chat, prepared_small_chat()), revision=1)
    await running
    await assert_done(job_id)


@pytest.mark.parametrize("until_", ["clock_timestamp() - interval '1 s'", "'2999-01-01'"])
async def test_a_chat_whose_worker_died_or_whose_clock_jumped_is_taken_by_another(
    make_engine: MakeEngine, new_chat: UUID, until_: str
) -> None:
    await execute(f"UPDATE chats SET preparing_until = {until_}")
    job_id = (await unlock("alice", new_chat)).job_id
    await make_engine().run_job("alice", job_id)
    await assert_done(job_id)


async def test_what_another_version_prepared_is_prepared_anew_and_kept_for_a_day(
    make_engine: MakeEngine, chat: UUID
) -> None:
    await grant_coins("alice", coins=100, reason="gift", reference="g", actor="ops")
    await execute("UPDATE prepared_chats SET version = '0'")
    worker = make_engine()
    await worker.run_job("alice", (await unlock("alice", chat)).job_id)
    assert {row.version for row in await rows(chat)} == {"0", VERSION}
    await execute(f"DELETE FROM prepared_chats WHERE version = '{VERSION}'")
    await execute("UPDATE prepared_chats SET prepared_at = prepared_at - interval '25 h'")
    job_id = (await unlock("alice", chat, "work")).job_id
    await worker.run_job("alice", job_id)
    assert {row.version for row in await rows(chat)} == {VERSION}
    await assert_done(job_id)


async def test_what_does_not_open_is_prepared_anew_and_no_attempt_is_counted(
    make_engine: MakeEngine, chat: UUID
) -> None:
    await execute("UPDATE prepared_chats SET sealed = '\\x0102'")
    job_id = (await unlock("alice", chat)).job_id
    worker = make_engine()
    await worker.run_job("alice", job_id)
    job = await job_row("alice", job_id)
    assert (job.state, job.attempt) == ("queued", 0)
    await worker.run_job("alice", job_id)
    await assert_done(job_id)


async def test_a_chat_that_cannot_be_prepared_fails_its_job_after_three_attempts(
    make_engine: MakeEngine, new_chat: UUID, gate: Gate
) -> None:
    gate.failure = ProcessFailed("MemoryError at somewhere.py:1")
    gate.open.set()
    job_id = (await unlock("alice", new_chat)).job_id
    worker = make_engine()
    for attempt in (1, 2):
        await worker.run_job("alice", job_id)
        job = await job_row("alice", job_id)
        assert (job.state, job.attempt, job.error_code) == ("queued", attempt, "internal")
        await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    await worker.run_job("alice", job_id)
    job = await job_row("alice", job_id)
    assert (job.state, job.error_code) == ("failed", "internal")
    assert not await is_taken(new_chat)
    await assert_healthy()


async def test_a_chat_that_does_not_open_fails_its_job_at_once(
    make_engine: MakeEngine, new_chat: UUID
) -> None:
    await execute("UPDATE chat_blocks SET sealed = '\\x0102'")
    job_id = (await unlock("alice", new_chat)).job_id
    await make_engine().run_job("alice", job_id)
    job = await job_row("alice", job_id)
    assert (job.state, job.error_code) == ("failed", "chat_unreadable")
    await assert_healthy()


async def test_a_chat_deleted_while_it_is_prepared_leaves_nothing(
    make_engine: MakeEngine, new_chat: UUID, gate: Gate
) -> None:
    job_id = (await unlock("alice", new_chat)).job_id
    running = asyncio.create_task(make_engine().run_job("alice", job_id))
    await until(lambda: gate.asked > 0)
    await delete_chat("alice", new_chat)
    gate.open.set()
    await running
    assert await rows(new_chat) == []
    assert (await job_row("alice", job_id)).state == "cancelled"
    await assert_healthy()


async def test_a_drain_leaves_the_chat_and_the_job_to_another_worker(
    make_engine: MakeEngine, new_chat: UUID, gate: Gate
) -> None:
    worker = make_engine()
    job_id = (await unlock("alice", new_chat)).job_id
    running = asyncio.create_task(worker.run_job("alice", job_id))
    await until(lambda: gate.asked > 0)
    await worker.drain()
    await running
    job = await job_row("alice", job_id)
    assert (job.state, job.attempt) == ("queued", 0)
    assert not await is_taken(new_chat)
    gate.open.set()
    await make_engine().run_job("alice", job_id)
    await assert_done(job_id)


async def test_where_no_more_may_wait_only_prepared_jobs_are_looked_for(
    keyring: KeyRing, make_engine: MakeEngine, new_chat: UUID, gate: Gate
) -> None:
    other = await store_chat(keyring, "bob", is_prepared=False)
    worker: JobEngine = make_engine(waiting_max=1)
    waits = ("alice", (await unlock("alice", new_chat)).job_id)
    refused = ("bob", (await unlock("bob", other)).job_id)
    ready = ("carol", (await unlock("carol", await store_chat(keyring, "carol"))).job_id)
    running = asyncio.create_task(worker.run_job(*waits))
    await until(lambda: gate.asked > 0)
    assert not worker.has_room_to_prepare
    await worker.run_job(*refused)
    assert (await job_row(*refused)).state == "queued"
    await execute("UPDATE jobs SET next_run_at = clock_timestamp() - interval '1 min'")
    assert await find_due_jobs(9, expires_s=3600, only_prepared=True) == [ready]
    assert set(await find_due_jobs(9, expires_s=3600)) == {waits, refused, ready}
    gate.open.set()
    await running
    await worker.run_job(*refused)
    for job in (waits, refused):
        assert (await job_row(*job)).state == "succeeded"
    await assert_healthy()


async def test_an_uploaded_chat_is_prepared_before_a_job_asks_for_it(
    make_engine: MakeEngine, new_chat: UUID, gate: Gate
) -> None:
    gate.open.set()
    worker = make_engine()
    await worker.prepare_chat("alice", new_chat)
    assert gate.asked == 1
    await worker.prepare_chat("alice", new_chat)
    await worker.prepare_chat("bob", new_chat)  # Not his.
    job_id = (await unlock("alice", new_chat)).job_id
    await worker.run_job("alice", job_id)
    await assert_done(job_id)
    assert gate.asked == 1
