"""The bill: what is on it, what is wasted, and what coins stand against it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.catalog.categories import CATEGORIES, InsightSpec
from app.costs.bill import Bill, Cost, Earned, read_bill
from app.db import after_commit, in_transaction, snapshot, transaction
from app.generation.protocol import GenerationFailed, Spent
from app.jobs.cancel import cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.refund import refund_job
from app.jobs.rescue import end_abandoned_jobs
from app.jobs.sweeps import cleanup_expired_reservations
from tests.support.clock_jumps import jump_clock
from tests.support.jobs import (
    ATTEMPT_S,
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    end_lease,
    execute,
    job_row,
    unlock,
)
from tests.support.statements import noted_statements
from tests.support.waiting import until

KEYS = [spec.key for spec in CATEGORIES["friendship"].insights]
FAILING = KEYS[3]
TODAY = date(2026, 11, 22)
SPENT = Spent(100, 20, 11, tokens_cached=40, model="scripted-1")
EACH = 7
"""What each draft of the scripted generator costs, in micro-dollars."""


def fails(
    *, spent: Spent = SPENT, is_final: bool = False, wait_s: float = 0
) -> Callable[[InsightSpec], Exception | None]:
    """A script in which one of the six insights fails each time, at some expense."""
    return lambda spec: (
        GenerationFailed("provider_error", retry_after_s=wait_s, is_final=is_final, spent=spent)
        if spec.key == FAILING
        else None
    )


async def bill() -> Bill:
    return await read_bill((datetime.now(UTC) - timedelta(days=1)).date())


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def wasted(reason: str) -> float:
    return counted("sixfold_llm_wasted_microusd_total", reason=reason)


async def is_somebody_waiting() -> bool:
    """Whether a statement waits for a lock."""
    async with snapshot() as connection:
        waiting = await connection.execute(
            text(
                "SELECT EXISTS (SELECT FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock')"
            )
        )
        return bool(waiting.scalar_one())


async def row_of(job_id: UUID, key: str) -> dict[str, object]:
    async with snapshot() as connection:
        found = await connection.execute(
            text("SELECT * FROM insights WHERE job_id = :job_id AND key = :key"),
            {"job_id": job_id, "key": key},
        )
        return dict(found.one()._mapping)


async def test_a_charged_job_is_on_the_bill_of_its_day_model_and_category(
    chat: UUID, make_engine: MakeEngine
) -> None:
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    told = await bill()
    day = (await job_row("alice", job.job_id)).finished_at.astimezone(UTC).date()
    assert told.costs == [Cost(day, "scripted-1", "friendship", 1, 6, 60, 0, 30, 6 * EACH, 0, 0, 0)]
    assert told.earned == [Earned(day, "friendship", 50, 0)]
    await refund_job("alice", job.job_id, reason="a present", actor="operator")
    assert (await bill()).totals.refunded_coins == 50


async def test_coins_are_counted_when_they_are_captured_and_when_refunded(
    chat: UUID, make_engine: MakeEngine
) -> None:
    def coins() -> tuple[float, float]:
        kinds = ("captured", "refunded")
        captured, refunded = (counted("sixfold_coins_total", kind=kind) for kind in kinds)
        return captured, refunded

    captured, refunded = coins()
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    assert coins() == (captured + 50, refunded)
    for _ in range(2):
        await refund_job("alice", job.job_id, reason="a present", actor="operator")
        assert coins() == (captured + 50, refunded + 50)


@pytest.mark.parametrize("fate", ["commits", "is rolled back"])
async def test_an_effect_happens_only_after_a_commit(engine: None, fate: str) -> None:
    happened: list[str] = []

    async def work(connection: AsyncConnection) -> None:
        after_commit(connection, lambda: happened.append("effect"))
        assert not happened
        if fate == "is rolled back":
            raise LookupError

    with suppress(LookupError):
        await in_transaction(work)
    await execute("SELECT 1")  # Another transaction, on the same connection.
    assert happened == (["effect"] if fate == "commits" else [])


async def test_what_a_deleted_chat_had_cost_is_wasted(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    cancelled = wasted("cancelled")
    generator.script = fails()
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    await delete_chat("alice", chat)
    assert (await bill()).totals.wasted_cancelled_microusd == 5 * EACH
    assert wasted("cancelled") - cancelled == 5 * EACH


async def test_a_job_that_kills_its_workers_wastes_what_it_completed(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    failed = wasted("failed")
    generator.script = fails()
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    await execute(
        "UPDATE jobs SET state = 'running', attempt = 3, next_run_at = NULL,"
        " lease_until = clock_timestamp() - interval '1 s'"
    )
    assert await end_abandoned_jobs() == 1
    assert (await bill()).totals.wasted_failed_microusd == 5 * EACH + 11
    assert wasted("failed") - failed == 5 * EACH + 11


async def test_a_job_under_way_is_on_no_bill_yet(chat: UUID) -> None:
    await unlock("alice", chat)
    assert await bill() == Bill((await bill()).since, [], [])


async def test_a_failed_attempt_is_wasted_also_when_the_next_one_is_charged(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    job, engine = await unlock("alice", chat), make_engine()
    generator.script = fails()
    await engine.run_job("alice", job.job_id)
    generator.script = lambda spec: None
    await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    await engine.run_job("alice", job.job_id)
    assert (await job_row("alice", job.job_id)).state == "succeeded"
    totals = (await bill()).totals
    assert totals.cost_microusd == 6 * EACH + 11
    assert (totals.wasted_failed_microusd, totals.tokens_cached) == (11, 40)
    assert (await row_of(job.job_id, FAILING))["wasted_microusd"] == 11


@pytest.mark.parametrize("ending", ["failed", "cancelled", "expired"])
async def test_what_a_job_completed_and_nobody_was_charged_for_is_wasted(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, ending: str
) -> None:
    counted_before = wasted(ending)
    job = await unlock("alice", chat)
    generator.script = fails(is_final=ending == "failed")
    await make_engine().run_job("alice", job.job_id)
    if ending == "cancelled":
        await cancel_job("alice", job.job_id)
    elif ending == "expired":
        await execute("UPDATE reservations SET expires_at = clock_timestamp()")
        assert await cleanup_expired_reservations() == 1
    assert (await job_row("alice", job.job_id)).state == ending
    told = await bill()
    waste = {
        "failed": told.totals.wasted_failed_microusd,
        "cancelled": told.totals.wasted_cancelled_microusd,
        "expired": told.totals.wasted_expired_microusd,
    }
    assert wasted(ending) - counted_before == waste[ending]
    assert waste.pop(ending) == 5 * EACH + (11 if ending == "failed" else 0)
    assert sorted(waste.values()) == ([0, 0] if ending == "failed" else [0, 11])
    assert told.totals.cost_microusd == 5 * EACH + 11
    assert told.earned == []


async def test_what_a_later_charged_job_took_over_is_not_wasted_however_often_it_moved(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.script = fails()
    for _ in range(2):
        job = await unlock("alice", chat)
        await make_engine().run_job("alice", job.job_id)
        await cancel_job("alice", job.job_id)
    assert (await bill()).totals.wasted_cancelled_microusd == 5 * EACH
    generator.script = lambda spec: None
    saved = counted("sixfold_llm_adopted_microusd_total")
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    totals = (await bill()).totals
    assert (totals.cost_microusd, totals.captured_coins) == (6 * EACH + 22, 50)
    assert (totals.wasted_cancelled_microusd, totals.wasted_failed_microusd) == (0, 22)
    assert counted("sixfold_llm_adopted_microusd_total") == saved  # It adopted what was adopted.
    await assert_healthy()


async def test_what_is_taken_over_is_counted_at_what_it_had_cost(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.script = fails()
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    await cancel_job("alice", job.job_id)
    generator.script = lambda spec: None
    saved = counted("sixfold_llm_adopted_microusd_total")
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    assert counted("sixfold_llm_adopted_microusd_total") - saved == 5 * EACH


async def test_failed_insights_of_before_the_column_are_wasted_all_the_same(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.script = fails(is_final=True)
    job = await unlock("alice", chat)
    await make_engine().run_job("alice", job.job_id)
    await execute(
        "UPDATE insights SET wasted_microusd = 0, tokens_cached = NULL, prompt_version = NULL"
    )
    totals = (await bill()).totals
    assert (totals.wasted_failed_microusd, totals.tokens_cached) == (5 * EACH + 11, 0)


async def test_an_attempt_that_runs_out_of_time_stores_what_its_calls_had_cost(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    gate, answered = asyncio.Event(), list[str]()

    def once(spec: InsightSpec) -> Exception | None:
        if spec.key == FAILING:
            generator.gate = gate  # The second call for this insight gets no answer in time.
        else:
            answered.append(spec.key)
        return fails()(spec)

    generator.script = once
    job = await unlock("alice", chat)
    running = asyncio.create_task(make_engine().run_job("alice", job.job_id))

    async def are_stored() -> bool:
        states = (await job_row("alice", job.job_id)).insight_states
        return states.count("completed") == len(answered)

    await until(lambda: len(generator.calls) == 7)
    await until(are_stored)
    jump_clock(ATTEMPT_S)
    await running
    assert (await job_row("alice", job.job_id)).error_code == "attempt_timeout"
    row = await row_of(job.job_id, FAILING)
    assert (row["state"], row["cost_microusd"], row["wasted_microusd"]) == ("queued", 11, 11)
    assert (row["attempts"], row["tokens_in"], row["tokens_cached"]) == (2, 100, 40)


async def test_a_drained_worker_stores_what_its_calls_had_cost(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.script = fails(wait_s=60)
    job, engine = await unlock("alice", chat), make_engine()
    running = asyncio.create_task(engine.run_job("alice", job.job_id))
    await until(lambda: len(generator.calls) == 6)
    await engine.drain()
    await running
    assert (await job_row("alice", job.job_id)).state == "queued"
    assert (await row_of(job.job_id, FAILING))["wasted_microusd"] == 11


async def test_what_a_call_had_cost_is_stored_though_others_end_before_it_is(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    def some_wait(spec: InsightSpec) -> Exception | None:
        if spec.key in KEYS[4:]:  # They have spent nothing, and so nothing to store.
            return GenerationFailed("provider_error", retry_after_s=60)
        return fails(wait_s=60)(spec)

    generator.script, generator.gate = some_wait, asyncio.Event()
    job, engine = await unlock("alice", chat), make_engine()
    running = asyncio.create_task(engine.run_job("alice", job.job_id))
    await until(lambda: len(generator.calls) == 6)
    async with transaction() as connection:
        await connection.execute(text("SELECT FROM jobs FOR UPDATE"))
        generator.gate.set()
        await until(is_somebody_waiting)  # What is stored next has to wait for this.
        draining = asyncio.create_task(engine.drain())  # It begins before COMMIT is answered.
    await asyncio.gather(draining, running)
    row = await job_row("alice", job.job_id)
    assert (row.state, row.insight_states.count("completed")) == ("queued", 3)
    assert (await row_of(job.job_id, FAILING))["wasted_microusd"] == 11


async def test_results_under_way_when_a_worker_is_drained_are_stored_and_billed_once(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    labels = {"model": "scripted-1", "category": "friendship", "outcome": "completed"}
    before = counted("sixfold_llm_cost_microusd_total", **labels)
    job, engine = await unlock("alice", chat), make_engine()
    running = asyncio.create_task(engine.run_job("alice", job.job_id))
    await until(lambda: len(generator.calls) == 6)
    async with transaction() as connection:
        await connection.execute(text("SELECT FROM jobs FOR UPDATE"))
        generator.gate.set()
        await until(is_somebody_waiting)
        draining = asyncio.create_task(engine.drain())  # It begins before COMMIT is answered.
    await asyncio.gather(draining, running)
    row = await job_row("alice", job.job_id)
    assert (row.state, row.insight_states) == ("queued", ["completed"] * 6)
    async with snapshot() as connection:
        stored = await connection.execute(text("SELECT sum(cost_microusd) FROM insights"))
        assert stored.scalar_one() == 6 * EACH
    assert counted("sixfold_llm_cost_microusd_total", **labels) - before == 6 * EACH


async def test_what_comes_after_the_lease_was_lost_is_counted_and_not_stored(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    job = await unlock("alice", chat)
    first = make_engine()
    running = asyncio.create_task(first.run_job("alice", job.job_id))
    await until(lambda: len(generator.calls) == 6)
    await end_lease(job.job_id)
    second = asyncio.create_task(make_engine().run_job("alice", job.job_id))
    await until(lambda: len(generator.calls) == 12)
    fenced, labels = wasted("fenced"), {"model": "scripted-1", "category": "friendship"}
    stored = counted("sixfold_llm_cost_microusd_total", outcome="completed", **labels)
    generator.gate.set()
    await asyncio.gather(running, second)
    assert (await job_row("alice", job.job_id)).state == "succeeded"
    told = await bill()
    assert (told.totals.cost_microusd, told.totals.tokens_in) == (6 * EACH, 60)
    assert wasted("fenced") - fenced >= EACH
    completed = counted("sixfold_llm_cost_microusd_total", outcome="completed", **labels)
    assert completed - stored == 6 * EACH


async def test_the_bill_of_a_day_is_found_through_indexes(engine: None) -> None:
    with noted_statements() as statements:
        await read_bill(TODAY)
    async with snapshot() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plans = [
            await connection.exec_driver_sql(f"EXPLAIN {statement.text}", statement.parameters)
            for statement in statements
        ]
    lines = ["\n".join(row[0] for row in plan) for plan in plans]
    for index in ("ix_jobs_finished", "ix_entries_at"):
        assert any(index in plan for plan in lines)
