import asyncio
from typing import Any
from uuid import UUID

import pytest

from app import faults
from app.credits.accounts import grant_coins, opened_balance, read_statement
from app.credits.service import Balance
from app.crypto import KeyRing
from app.db import close_engine, open_engine
from app.errors import NotFound, TooSlow, Unavailable
from app.ids import new_id
from app.jobs import sweeps
from app.jobs.cancel import NotCancellable, cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.models import JobState
from app.jobs.operations import JobEnded, find_job, list_jobs, release_job, requeue_job
from app.jobs.rescue import end_abandoned_jobs
from app.jobs.sweeps import (
    cleanup_expired_reservations,
    delete_unused_chats,
    retry_payment,
    run_sweep,
)
from app.settings import Settings
from tests.support.forcing import (
    ALLOW_CAPTURES,
    COMPLETE_ALL,
    OVERDUE,
    REFUSE_CAPTURES,
)
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    execute,
    job_row,
    store_chat,
    unlock,
)
from tests.support.waiting import until


async def test_cancelling_gives_the_coins_back_at_once(chat: UUID) -> None:
    unlocked = await unlock("alice", chat)
    await cancel_job("alice", unlocked.job_id)
    assert await opened_balance("alice") == Balance(50, 0)
    await cancel_job("alice", unlocked.job_id)
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_a_cancelled_running_job_writes_nothing_more(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(make_engine().run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    await cancel_job("alice", unlocked.job_id)
    generator.gate.set()
    await running
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.insight_states) == ("cancelled", ["queued"] * 6)
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_a_settled_job_cannot_be_cancelled(chat: UUID, make_engine: MakeEngine) -> None:
    unlocked = await unlock("alice", chat)
    await make_engine().run_job("alice", unlocked.job_id)
    with pytest.raises(NotCancellable):
        await cancel_job("alice", unlocked.job_id)
    with pytest.raises(NotFound):
        await cancel_job("bob", unlocked.job_id)
    with pytest.raises(NotFound):
        await cancel_job("alice", new_id())


async def test_cleanup_expires_an_overdue_job_that_nobody_runs(chat: UUID) -> None:
    unlocked = await unlock("alice", chat)
    await execute(OVERDUE)
    counts = await asyncio.gather(*(cleanup_expired_reservations() for _ in range(4)))
    assert sum(counts) == 1
    assert (await job_row("alice", unlocked.job_id)).state == "expired"
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_cleanup_charges_an_overdue_job_whose_six_insights_exist(chat: UUID) -> None:
    unlocked = await unlock("alice", chat)
    await execute(OVERDUE)
    await execute(COMPLETE_ALL)
    assert await cleanup_expired_reservations() == 1
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    assert await opened_balance("alice") == Balance(0, 0)
    await assert_healthy()


async def test_cleanup_leaves_a_job_with_a_live_lease_alone(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(make_engine().run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    await execute(OVERDUE)
    assert await cleanup_expired_reservations() == 0
    generator.gate.set()
    await running
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    await assert_healthy()


async def test_an_expired_job_is_not_started(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(OVERDUE)
    await make_engine().run_job("alice", unlocked.job_id)
    assert generator.calls == []


async def test_a_refused_charge_settles_later(chat: UUID, make_engine: MakeEngine) -> None:
    unlocked = await unlock("alice", chat)
    await execute(REFUSE_CAPTURES)
    await make_engine().run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.error_code, row.lease_until) == ("settling", "charge_refused", None)
    assert await opened_balance("alice") == Balance(0, 50)
    await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    assert await retry_payment() == 0
    await execute(ALLOW_CAPTURES)
    assert await retry_payment() == 0  # It was postponed again, for a minute.
    await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    await execute(OVERDUE)
    assert await cleanup_expired_reservations() == 0  # Not the cleanup's: it is settling.
    assert sum(await asyncio.gather(*(retry_payment() for _ in range(4)))) == 1
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    assert await opened_balance("alice") == Balance(0, 0)
    await assert_healthy()


async def test_one_refused_charge_does_not_hold_up_the_others_of_its_batch(
    chat: UUID, make_engine: MakeEngine
) -> None:
    await grant_coins("alice", coins=5_000, reason="gift", reference="g", actor="ops")
    refused = await unlock("alice", chat)
    others = [await unlock("alice", chat, key) for key in ("family", "romance", "work")]
    await execute(
        "ALTER TABLE entries ADD CONSTRAINT no_captures CHECK"
        f" (op_key <> 'settle:{refused.job_id}') NOT VALID"
    )
    job_engine = make_engine()
    await asyncio.gather(*(job_engine.run_job("alice", one.job_id) for one in [refused, *others]))
    assert (await job_row("alice", refused.job_id)).state == "settling"
    for other in others:
        assert (await job_row("alice", other.job_id)).state == "succeeded"
    await assert_healthy()


async def test_a_charge_refused_for_a_day_waits_for_a_human(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(REFUSE_CAPTURES)
    await make_engine().run_job("alice", unlocked.job_id)
    await execute(
        "UPDATE jobs SET next_run_at = clock_timestamp(),"
        " attempt_until = clock_timestamp() - interval '25 h'"
    )
    await retry_payment()
    await execute(ALLOW_CAPTURES)
    assert await retry_payment() == 0
    shown = await find_job(unlocked.job_id)
    assert (shown.state, shown.next_run_at) == ("settling", None)
    await requeue_job(unlocked.job_id)
    assert await retry_payment() == 1
    await assert_healthy()


async def test_an_operator_gives_back_the_coins_of_a_charge_that_never_went_through(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(REFUSE_CAPTURES)
    await make_engine().run_job("alice", unlocked.job_id)
    released = await release_job(unlocked.job_id, reason="agreed with the user")
    assert (released.state, released.error_code) == ("failed", "released_by_operator")
    assert await opened_balance("alice") == Balance(50, 0)
    assert (await read_statement("alice", limit=1))[0].reason == "agreed with the user"
    with pytest.raises(JobEnded):
        await release_job(unlocked.job_id, reason="again")
    with pytest.raises(JobEnded):
        await requeue_job(unlocked.job_id)
    assert [job.job_id for job in await list_jobs(state=JobState.FAILED)] == [unlocked.job_id]
    await assert_healthy()


async def test_deleting_a_chat_empties_its_insights_and_ends_its_jobs(
    chat: UUID, make_engine: MakeEngine
) -> None:
    await grant_coins("alice", coins=50, reason="gift", reference="g", actor="ops")
    done = await unlock("alice", chat)
    await make_engine().run_job("alice", done.job_id)
    waiting = await unlock("alice", chat, "family")
    await delete_chat("alice", chat)
    assert (await job_row("alice", done.job_id)).state == "succeeded"
    assert (await job_row("alice", waiting.job_id)).state == "cancelled"
    assert await opened_balance("alice") == Balance(50, 0)
    with pytest.raises(NotFound):
        await delete_chat("alice", chat)
    await execute(
        "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM insights WHERE sealed IS NOT NULL)"
        " AND NOT EXISTS (SELECT FROM chats) AND NOT EXISTS (SELECT FROM chat_blocks);"
        " END $$"
    )
    await assert_healthy()


async def test_a_chat_deleted_under_a_running_job_gets_no_results_back(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(make_engine().run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    await delete_chat("alice", chat)
    generator.gate.set()
    await running
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.insight_states) == ("cancelled", ["queued"] * 6)
    await assert_healthy()


async def test_deleting_the_chat_voids_a_charge_that_never_went_through(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(REFUSE_CAPTURES)
    await make_engine().run_job("alice", unlocked.job_id)
    await delete_chat("alice", chat)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.error_code) == ("failed", "chat_deleted")
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_a_chat_that_nobody_uses_is_deleted_when_its_retention_ends(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await make_engine().run_job("alice", unlocked.job_id)
    assert await delete_unused_chats() == 0
    await execute("UPDATE chats SET used_at = now() - interval '366 days'")
    assert sum(await asyncio.gather(*(delete_unused_chats() for _ in range(3)))) == 1
    with pytest.raises(NotFound):
        await delete_chat("alice", chat)
    await assert_healthy()


async def test_a_chat_whose_deletion_takes_too_long_does_not_end_the_sweep(
    keyring: KeyRing, chat: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await store_chat(keyring, "bob")
    await execute("UPDATE chats SET used_at = now() - interval '366 days'")
    await execute("UPDATE chats SET used_at = now() - interval '367 days' WHERE user_id = 'alice'")

    async def slow(user_id: str, chat_id: UUID, **given: Any) -> list[UUID]:
        if chat_id == chat:
            raise TooSlow
        return await delete_chat(user_id, chat_id, **given)

    monkeypatch.setattr(sweeps, "delete_chat", slow)
    assert await delete_unused_chats() == 1
    with pytest.raises(NotFound):
        await delete_chat("bob", other)


async def test_an_unlock_uses_its_chat(chat: UUID) -> None:
    await execute("UPDATE chats SET used_at = now() - interval '364 days'")
    await unlock("alice", chat)
    await execute("UPDATE chats SET used_at = used_at - interval '364 days'")
    assert await delete_unused_chats() == 0


async def test_a_job_whose_reservation_was_settled_before_is_never_ended_again(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute("UPDATE reservations SET state = 'released', resolved_at = clock_timestamp()")
    with pytest.raises(RuntimeError, match="settled before"):
        await cancel_job("alice", unlocked.job_id)
    assert (await job_row("alice", unlocked.job_id)).state == "queued"
    await execute("UPDATE reservations SET state = 'held', resolved_at = NULL")
    await cancel_job("alice", unlocked.job_id)
    await assert_healthy()


@pytest.mark.parametrize("nobody", ["abandoned", "overdue"])
async def test_a_refused_charge_of_a_job_that_nobody_runs_is_put_aside_too(
    chat: UUID, nobody: str
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(COMPLETE_ALL)
    await execute(REFUSE_CAPTURES)
    if nobody == "abandoned":
        await execute(
            "UPDATE jobs SET state = 'running', attempt = 3, fence = 3, next_run_at = NULL,"
            " lease_until = clock_timestamp() - interval '1 s'"
        )
        assert await end_abandoned_jobs() == 0
    else:
        await execute(OVERDUE)
        assert await cleanup_expired_reservations() == 0
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.error_code) == ("settling", "charge_refused")
    await execute(ALLOW_CAPTURES)
    await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    assert await retry_payment() == 1
    await assert_healthy()


async def test_a_sweep_while_the_database_is_away_is_left_to_the_next_time(
    chat: UUID, settings: Settings
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(OVERDUE)
    await close_engine()
    await open_engine("postgresql://nobody@127.0.0.1:9/nothing")
    await run_sweep("cleanup_expired_reservations")
    await close_engine()
    await open_engine(settings.database_url)
    assert (await job_row("alice", unlocked.job_id)).state == "queued"
    await run_sweep("cleanup_expired_reservations")
    assert (await job_row("alice", unlocked.job_id)).state == "expired"
    await assert_healthy()


async def test_a_chat_is_kept_for_the_next_sweep_while_the_database_is_away(
    chat: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute("UPDATE chats SET used_at = now() - interval '366 days'")

    async def away(point: str, _connection: object) -> None:
        if point == "delete_chat.begin":
            raise Unavailable

    monkeypatch.setattr(faults, "hook", away)
    with pytest.raises(Unavailable):
        await delete_unused_chats()
    monkeypatch.undo()
    assert await delete_unused_chats() == 1
