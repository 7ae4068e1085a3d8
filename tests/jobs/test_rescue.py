"""What nobody works on is found in the database alone, and ended or started."""

import asyncio
from uuid import UUID

from app.credits.accounts import grant_coins, opened_balance
from app.credits.service import Balance
from app.jobs.leases import JobRef
from app.jobs.rescue import end_abandoned_jobs, find_due_jobs
from app.jobs.sweeps import (
    cleanup_expired_reservations,
    retry_payment,
    run_overdue_sweeps,
)
from tests.support.forcing import (
    AGED,
    ALLOW_CAPTURES,
    COMPLETE_ALL,
    OVERDUE,
    REFUSE_CAPTURES,
)
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    end_lease,
    execute,
    job_row,
    unlock,
)


async def due() -> list[JobRef]:
    return await find_due_jobs(10, expires_s=3600)


async def test_a_job_that_kills_its_workers_ends_after_three_attempts(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(
        "UPDATE jobs SET state = 'running', attempt = 3, fence = 3, next_run_at = NULL,"
        " lease_until = clock_timestamp() - interval '1 s'"
    )
    assert await due() == []
    assert sum(await asyncio.gather(*(end_abandoned_jobs() for _ in range(4)))) == 1
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.error_code) == ("failed", "attempts_exhausted")
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_a_job_abandoned_with_six_insights_is_charged(chat: UUID) -> None:
    unlocked = await unlock("alice", chat)
    await execute(COMPLETE_ALL)
    await execute(
        "UPDATE jobs SET state = 'running', attempt = 3, fence = 3, next_run_at = NULL,"
        " lease_until = clock_timestamp() - interval '1 s'"
    )
    assert await end_abandoned_jobs() == 1
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    await assert_healthy()


async def test_a_job_left_with_six_insights_is_charged_without_a_call(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(COMPLETE_ALL)
    await make_engine().run_job("alice", unlocked.job_id)
    assert generator.calls == []
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"


async def test_rescue_finds_queued_jobs_ended_leases_and_leases_of_a_clock_that_jumped(
    chat: UUID,
) -> None:
    unlocked = await unlock("alice", chat)
    assert await due() == []  # Young: left to its wake-up.
    await execute("UPDATE jobs SET next_run_at = clock_timestamp() - interval '3 s'")
    assert await due() == [("alice", unlocked.job_id)]
    await execute("UPDATE jobs SET state = 'running', fence = 1, attempt = 1, lease_until = now()")
    await execute("UPDATE jobs SET lease_until = clock_timestamp() + interval '30 s'")
    assert await due() == []
    await end_lease(unlocked.job_id)
    assert await due() == [("alice", unlocked.job_id)]
    await execute("UPDATE jobs SET lease_until = clock_timestamp() + interval '1 h'")
    assert await due() == [("alice", unlocked.job_id)]
    await execute(AGED)
    assert await due() == [("alice", unlocked.job_id)]


async def test_a_queued_job_is_due_when_the_clock_jumped_back_before_its_time(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute("UPDATE jobs SET next_run_at = clock_timestamp() + interval '14 min'")
    assert await due() == []
    await make_engine().run_job("alice", unlocked.job_id)
    assert (await job_row("alice", unlocked.job_id)).state == "queued"
    await execute("UPDATE jobs SET next_run_at = next_run_at + interval '1 h'")
    assert await due() == [("alice", unlocked.job_id)]
    await make_engine().run_job("alice", unlocked.job_id)
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    await assert_healthy()


async def test_a_charge_and_a_sweep_are_due_when_the_clock_jumped_back_before_their_time(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute(REFUSE_CAPTURES)
    await make_engine().run_job("alice", unlocked.job_id)
    await execute(ALLOW_CAPTURES)
    await execute("UPDATE jobs SET next_run_at = clock_timestamp() + interval '59 min'")
    assert await retry_payment() == 0
    await execute("UPDATE jobs SET next_run_at = next_run_at + interval '3 h'")
    await execute("UPDATE sweeps SET ran_at = clock_timestamp() + interval '1 min'")
    await run_overdue_sweeps()
    assert (await job_row("alice", unlocked.job_id)).state == "settling"
    await execute("UPDATE sweeps SET ran_at = clock_timestamp() + interval '3 h'")
    await run_overdue_sweeps()
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    await assert_healthy()


async def test_an_overdue_sweep_runs_once_without_a_scheduler(chat: UUID) -> None:
    unlocked = await unlock("alice", chat)
    await execute(OVERDUE)
    await run_overdue_sweeps()  # A new database only starts their clocks.
    await execute("UPDATE sweeps SET ran_at = ran_at - interval '10 min'")
    await asyncio.gather(*(run_overdue_sweeps() for _ in range(3)))
    assert (await job_row("alice", unlocked.job_id)).state == "expired"


async def test_a_job_that_cannot_be_settled_does_not_hold_up_the_other_abandoned_ones(
    chat: UUID,
) -> None:
    await grant_coins("alice", coins=500, reason="gift", reference="g", actor="ops")
    jobs = [(await unlock("alice", chat, key)).job_id for key in ("friendship", "family")]
    await execute(
        "UPDATE jobs SET state = 'running', attempt = 3, fence = 3, next_run_at = NULL,"
        " lease_until = clock_timestamp() - interval '1 s'"
    )
    for refused, other in (jobs, reversed(jobs)):
        await execute(
            "ALTER TABLE entries ADD CONSTRAINT refused CHECK"
            f" (op_key <> 'settle:{refused}') NOT VALID"
        )
        await end_abandoned_jobs()
        assert (await job_row("alice", other)).state == "failed"
        await execute("ALTER TABLE entries DROP CONSTRAINT refused")
    await assert_healthy()


async def test_rescue_leaves_an_expired_job_to_the_cleanup(chat: UUID) -> None:
    unlocked = await unlock("alice", chat)
    await execute(AGED)
    await execute(OVERDUE)
    await execute("UPDATE jobs SET next_run_at = clock_timestamp() - interval '3 s'")
    assert await due() == []
    await execute(
        "UPDATE jobs SET state = 'running', attempt = 1, fence = 1, next_run_at = NULL,"
        " lease_until = clock_timestamp()"
    )
    await end_lease(unlocked.job_id)
    assert await due() == []
    assert await cleanup_expired_reservations() == 1
    await assert_healthy()
