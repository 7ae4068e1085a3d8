"""Two want to end one job: whoever comes first does, whoever comes second changes nothing.

Each with a job that is charged whole, and with one of which some insights are empty.
"""

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from app.credits.accounts import opened_balance, read_statement
from app.credits.service import Balance
from app.crypto import KeyRing
from app.faults import Moment, Step
from app.jobs.cancel import NotCancellable, cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.models import JobState
from app.jobs.sweeps import cleanup_expired_reservations, delete_unused_chats
from tests.support.barriers import Barriers, Held, stalled, until_transaction_waits
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    end_lease,
    execute,
    job_row,
    store_chat,
    unlock,
)
from tests.support.waiting import until

OVERDUE = "UPDATE reservations SET expires_at = clock_timestamp() - interval '1 s'"

Run = asyncio.Task[None]


@pytest.fixture(params=[(), (2, 5), (1, 2, 3, 4, 5, 6)], ids=["six written", "four", "none"])
def generator(request: pytest.FixtureRequest) -> ScriptedGenerator:
    return ScriptedGenerator(empty=frozenset(request.param))


def written(generator: ScriptedGenerator) -> int:
    return sum(ord_ not in generator.empty for ord_ in range(1, 7))


def settled(generator: ScriptedGenerator) -> JobState:
    """How its worker ends a job."""
    return JobState.SUCCEEDED if written(generator) else JobState.FAILED


async def _at_settle(
    chat: UUID,
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    held: Held,
    *,
    overdue: bool = False,
) -> tuple[UUID, Run]:
    """A job whose worker is held in its settlement; `overdue`: and cleanup may have it."""
    generator.gate = asyncio.Event()
    job_id = (await unlock("alice", chat)).job_id
    run = asyncio.create_task(make_engine().run_job("alice", job_id))
    await until(lambda: len(generator.calls) == 6)
    if overdue:
        await execute(OVERDUE)
        await end_lease(job_id)
    generator.gate.set()
    await held.arrived.wait()
    return job_id, run


async def _assert_ended(job_id: UUID, state: JobState, *, completed: int = 6) -> None:
    """In this state, with the entries that go with it, exactly once."""
    assert (await job_row("alice", job_id)).state == state
    charged = 50 * completed // 6 if state is JobState.SUCCEEDED else 0
    parts = {"capture": charged, "release": 50 - charged}
    entries = await read_statement("alice", limit=20)
    moved = Counter({str(one.kind): one.amount for one in entries if str(one.kind) in parts})
    assert moved == +Counter(parts)
    if state in (JobState.SUCCEEDED, JobState.FAILED):
        assert {one.reason for one in entries if one.kind == "release"} <= {"nothing_to_say"}
    assert len(entries) == 2 + len(moved)
    assert await opened_balance("alice") == Balance(50 - charged, 0)
    await assert_healthy()


async def test_cleanup_that_comes_during_a_settlement_leaves_the_job_alone(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, barriers: Barriers
) -> None:
    settling = barriers.hold(Step.SETTLE, Moment.BEFORE_COMMIT)
    job_id, run = await _at_settle(chat, make_engine, generator, settling, overdue=True)
    assert await cleanup_expired_reservations() == 0  # It waits for no lock.
    settling.let_go()
    await run
    await _assert_ended(job_id, settled(generator), completed=written(generator))


async def test_a_settlement_that_comes_during_cleanup_finds_it_done(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, barriers: Barriers
) -> None:
    settling = barriers.hold(Step.SETTLE, Moment.BEGIN)
    cleaning = barriers.hold(Step.CLEANUP, Moment.BEFORE_COMMIT)
    job_id, run = await _at_settle(chat, make_engine, generator, settling, overdue=True)
    cleanup = asyncio.create_task(cleanup_expired_reservations())
    await cleaning.arrived.wait()
    settling.let_go()
    await until_transaction_waits()
    cleaning.let_go()
    assert await cleanup == 1  # Six insights were done: it charged what was written.
    await run
    await _assert_ended(job_id, settled(generator), completed=written(generator))


async def test_of_two_cleanups_one_ends_the_job(chat: UUID, barriers: Barriers) -> None:
    job_id = (await unlock("alice", chat)).job_id
    await execute(OVERDUE)
    held = barriers.hold(Step.CLEANUP, Moment.BEFORE_COMMIT)
    first = asyncio.create_task(cleanup_expired_reservations())
    await held.arrived.wait()
    assert await cleanup_expired_reservations() == 0
    held.let_go()
    assert await first == 1
    await _assert_ended(job_id, JobState.EXPIRED)


@pytest.mark.parametrize("first", ["cancel", "settle"])
async def test_cancel_and_settle_at_once_end_the_job_once(
    chat: UUID,
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    barriers: Barriers,
    first: str,
) -> None:
    """Both transactions are open before either may go on; which one wins is the database's."""
    held = {
        "settle": barriers.hold(Step.SETTLE, Moment.BEGIN),
        "cancel": barriers.hold(Step.CANCEL, Moment.BEGIN),
    }
    job_id, run = await _at_settle(chat, make_engine, generator, held["settle"])
    cancel = asyncio.create_task(cancel_job("alice", job_id))
    await held["cancel"].arrived.wait()
    for one in sorted(held, key=lambda name: name != first):
        held[one].let_go()
    [refused] = await asyncio.gather(cancel, return_exceptions=True)
    await run
    assert refused is None or isinstance(refused, NotCancellable)
    state = JobState.CANCELLED if refused is None else settled(generator)
    await _assert_ended(job_id, state, completed=written(generator))


async def test_a_cancel_that_comes_during_a_settlement_is_refused(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, barriers: Barriers
) -> None:
    settling = barriers.hold(Step.SETTLE, Moment.BEFORE_COMMIT)
    job_id, run = await _at_settle(chat, make_engine, generator, settling)
    cancel = asyncio.create_task(cancel_job("alice", job_id))
    await until_transaction_waits()
    settling.let_go()
    with pytest.raises(NotCancellable):
        await cancel
    await run
    await _assert_ended(job_id, settled(generator), completed=written(generator))


async def test_a_settlement_that_comes_during_a_cancel_charges_nothing(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, barriers: Barriers
) -> None:
    settling = barriers.hold(Step.SETTLE, Moment.BEGIN)
    cancelling = barriers.hold(Step.CANCEL, Moment.BEFORE_COMMIT)
    job_id, run = await _at_settle(chat, make_engine, generator, settling)
    cancel = asyncio.create_task(cancel_job("alice", job_id))
    await cancelling.arrived.wait()
    settling.let_go()
    await until_transaction_waits()
    cancelling.let_go()
    await cancel
    await run
    await _assert_ended(job_id, JobState.CANCELLED)


async def test_a_chat_deleted_during_a_settlement_loses_its_content_and_not_the_charge(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, barriers: Barriers
) -> None:
    settling = barriers.hold(Step.SETTLE, Moment.BEFORE_COMMIT)
    job_id, run = await _at_settle(chat, make_engine, generator, settling)
    deletion = asyncio.create_task(delete_chat("alice", chat))
    await until_transaction_waits()
    settling.let_go()
    await deletion
    await run
    await _assert_ended(job_id, settled(generator), completed=written(generator))


async def test_a_result_that_comes_during_the_deletion_of_its_chat_is_not_stored(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, barriers: Barriers
) -> None:
    generator.gate = asyncio.Event()
    job_id = (await unlock("alice", chat)).job_id
    run = asyncio.create_task(make_engine().run_job("alice", job_id))
    await until(lambda: len(generator.calls) == 6)
    deleting = barriers.hold(Step.DELETE_CHAT, Moment.BEFORE_COMMIT)
    deletion = asyncio.create_task(delete_chat("alice", chat))
    await deleting.arrived.wait()
    generator.gate.set()
    await until_transaction_waits()
    deleting.let_go()
    await deletion
    await run
    assert (await job_row("alice", job_id)).insight_states == ["queued"] * 6
    await _assert_ended(job_id, JobState.CANCELLED)


async def test_a_chat_deleted_during_its_unlock_takes_the_new_job_with_it(chat: UUID) -> None:
    await opened_balance("alice")
    async with stalled("INSERT", "jobs") as stall:
        unlocked = asyncio.create_task(unlock("alice", chat))
        await stall.arrived()
        deletion = asyncio.create_task(delete_chat("alice", chat))
        await stall.arrived(2)
    job_id = (await unlocked).job_id
    await deletion
    await _assert_ended(job_id, JobState.CANCELLED)


async def test_a_worker_that_comes_during_a_claim_leaves_the_job_alone(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, barriers: Barriers
) -> None:
    job_id = (await unlock("alice", chat)).job_id
    claiming = barriers.hold(Step.CLAIM, Moment.BEFORE_COMMIT)
    first = asyncio.create_task(make_engine().run_job("alice", job_id))
    await claiming.arrived.wait()
    await make_engine().run_job("alice", job_id)  # Returns at once: it skips locked jobs.
    assert generator.calls == []
    claiming.let_go()
    await first
    assert len(generator.calls) == 6
    assert (await job_row("alice", job_id)).fence == 1
    await _assert_ended(job_id, settled(generator), completed=written(generator))


@pytest.mark.usefixtures("several_processes")
async def test_a_chat_used_at_the_last_moment_is_kept(chat: UUID, barriers: Barriers) -> None:
    await execute("UPDATE chats SET used_at = clock_timestamp() - interval '1000 days'")
    deleting = barriers.hold(Step.DELETE_CHAT, Moment.BEGIN)
    sweep = asyncio.create_task(delete_unused_chats())
    await deleting.arrived.wait()
    job_id = (await unlock("alice", chat)).job_id
    deleting.let_go()
    assert await sweep == 0
    assert (await job_row("alice", job_id)).state == "queued"
    await assert_healthy()


async def test_a_chat_that_cannot_be_deleted_does_not_hold_up_the_others(
    chat: UUID, keyring: KeyRing
) -> None:
    others = [await store_chat(keyring, "alice") for _ in range(2)]
    await execute("UPDATE chats SET used_at = clock_timestamp() - interval '1000 days'")
    await execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RAISE check_violation; END'"
    )
    await execute(
        "CREATE TRIGGER refuse BEFORE DELETE ON chats FOR EACH ROW"
        f" WHEN (OLD.id = '{others[0]}') EXECUTE FUNCTION refuse()"
    )
    assert await delete_unused_chats() == 2
