import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.catalog.categories import CATEGORIES, InsightSpec
from app.credits.accounts import opened_balance, read_statement
from app.credits.service import Balance
from app.crypto import KeyRing
from app.generation.offline.generator import OfflineGenerator
from app.generation.protocol import CallGuard, Draft, GenerationFailed
from app.jobs.call_guard import JobCallGuard
from app.jobs.leases import REQUEUE_MAX_S
from tests.support.clock_jumps import jump_clock
from tests.support.jobs import (
    ATTEMPT_S,
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    end_lease,
    execute,
    job_row,
    store_chat,
    unlock,
)
from tests.support.statements import noted_statements
from tests.support.waiting import until

FRIENDSHIP = [spec.key for spec in CATEGORIES["friendship"].insights]


async def test_six_insights_are_written_and_charged_once(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    job_engine = make_engine()
    unlocked = await unlock("alice", chat)
    await job_engine.run_job("alice", unlocked.job_id)
    await job_engine.run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt, row.insight_states) == ("succeeded", 1, ["completed"] * 6)
    assert sorted(generator.calls) == sorted(FRIENDSHIP)
    assert await opened_balance("alice") == Balance(0, 0)
    kinds = Counter(entry.kind for entry in await read_statement("alice", limit=20))
    assert kinds == {"grant": 1, "reserve": 1, "capture": 1}
    await assert_healthy()


async def test_the_six_calls_are_under_way_at_the_same_time(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(make_engine().run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    assert (await job_row("alice", unlocked.job_id)).state == "running"
    generator.gate.set()
    await running
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"


async def test_the_offline_generator_serves_a_job(chat: UUID, make_engine: MakeEngine) -> None:
    unlocked = await unlock("alice", chat)
    await make_engine(generator=OfflineGenerator()).run_job("alice", unlocked.job_id)
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"


async def test_jobs_of_many_users_share_their_statements(
    engine: None, keyring: KeyRing, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    job_engine = make_engine()
    users = [f"user{number}" for number in range(25)]
    jobs = [(user, (await unlock(user, await store_chat(keyring, user))).job_id) for user in users]
    generator.gate = asyncio.Event()
    with noted_statements() as statements:
        running = [asyncio.create_task(job_engine.run_job(user, job_id)) for user, job_id in jobs]
        await until(lambda: len(generator.calls) == 6 * len(jobs))
        generator.gate.set()
        await asyncio.gather(*running)
    for user in users:
        assert await opened_balance(user) == Balance(0, 0)
    claims, parts, results, endings = (
        sum(written in one.text for one in statements)
        for written in (
            *(
                "SET state = 'running'",
                "FROM prepared_chats p\n        WHERE p.user_id = t.user_id",
            ),
            *("SET state = r.state", "UPDATE reservations"),
        )
    )
    # By itself each job would claim once, read once, store six times and end once.
    assert 1 <= claims <= 5
    assert 1 <= parts <= 5
    assert 1 <= results <= 15
    assert 1 <= endings <= 5
    await assert_healthy()


async def test_two_workers_with_one_wake_up_run_the_job_once(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    unlocked = await unlock("alice", chat)
    first, second = make_engine(), make_engine()
    await asyncio.gather(
        first.run_job("alice", unlocked.job_id), second.run_job("alice", unlocked.job_id)
    )
    assert len(generator.calls) == 6
    assert (await job_row("alice", unlocked.job_id)).attempt == 1
    await assert_healthy()


async def test_a_failing_insight_is_called_three_times_then_another_attempt_finishes(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    def fail_the_first(spec: InsightSpec) -> Exception | None:
        if spec.key == FRIENDSHIP[0]:
            return GenerationFailed("provider_error", retry_after_s=0.0)
        return None

    generator.script = fail_the_first
    job_engine = make_engine()
    unlocked = await unlock("alice", chat)
    await job_engine.run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt, row.error_code) == ("queued", 1, "provider_error")
    assert row.insight_states == ["failed"] + ["completed"] * 5
    assert generator.calls.count(FRIENDSHIP[0]) == 3
    assert await opened_balance("alice") == Balance(0, 50)

    generator.script = lambda spec: None
    await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    await job_engine.run_job("alice", unlocked.job_id)
    # What the first attempt completed is not bought again.
    assert Counter(generator.calls) == Counter(FRIENDSHIP) + Counter([FRIENDSHIP[0]] * 3)
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    await assert_healthy()


async def test_after_three_failed_attempts_the_coins_come_back(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.evidence = [10_000]  # No such message: the answer is worthless.
    job_engine = make_engine()
    unlocked = await unlock("alice", chat)
    for _ in range(3):
        await execute("UPDATE jobs SET next_run_at = clock_timestamp() WHERE state = 'queued'")
        await job_engine.run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt, row.error_code) == ("failed", 3, "evidence_missing")
    assert len(generator.calls) == 3 * 3 * 6
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_a_crash_in_the_generator_fails_its_attempt_alone(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.script = lambda spec: ZeroDivisionError() if spec.ord == 2 else None
    unlocked = await unlock("alice", chat)
    await make_engine().run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.error_code, row.insight_states.count("completed")) == (
        "queued",
        "internal",
        5,
    )
    await assert_healthy()


@pytest.mark.parametrize(("asked_s", "waited_s"), [(600, 600), (86_400, REQUEUE_MAX_S)])
async def test_a_wait_beyond_the_attempt_gives_the_attempt_back(
    chat: UUID,
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    asked_s: float,
    waited_s: float,
) -> None:
    generator.script = lambda spec: GenerationFailed("rate_limited", retry_after_s=asked_s)
    unlocked = await unlock("alice", chat)
    await make_engine().run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt, row.error_code) == ("queued", 0, "provider_busy")
    assert len(generator.calls) == 6
    # The database's clock has gone on since the start, by however long the attempt took.
    assert waited_s <= (row.next_run_at - row.started_at).total_seconds() < waited_s + 100
    await assert_healthy()


async def test_an_attempt_that_takes_too_long_is_cut_and_tried_again(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(make_engine().run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    jump_clock(ATTEMPT_S)
    await running
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt, row.error_code) == ("queued", 1, "attempt_timeout")
    await assert_healthy()


async def test_a_slow_model_that_writes_an_insight_an_attempt_costs_no_attempt(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    job_id = (await unlock("alice", chat)).job_id
    never = asyncio.Event()

    def hang_after_this(spec: InsightSpec) -> None:
        generator.gate = never

    async def run_out_of_time(*, calls: int, done: int) -> tuple[str, int, str]:
        async def is_stored() -> bool:
            return (await job_row("alice", job_id)).insight_states.count("completed") == done

        generator.calls.clear()
        await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
        running = asyncio.create_task(make_engine().run_job("alice", job_id))
        await until(lambda: len(generator.calls) == calls)
        await until(is_stored)
        jump_clock(ATTEMPT_S)
        await running
        row = await job_row("alice", job_id)
        return row.state, row.attempt, row.error_code

    generator.script = hang_after_this
    assert await run_out_of_time(calls=6, done=1) == ("queued", 0, "attempt_timeout")
    generator.gate = None
    assert await run_out_of_time(calls=5, done=2) == ("queued", 0, "attempt_timeout")
    assert await run_out_of_time(calls=4, done=2) == ("queued", 1, "attempt_timeout")
    await assert_healthy()


async def test_another_insight_goes_first_in_each_attempt(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.script = lambda spec: GenerationFailed("provider_busy", retry_after_s=600)
    job_id = (await unlock("alice", chat)).job_id
    for _ in range(3):
        await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
        await make_engine().run_job("alice", job_id)
    assert generator.calls[::6] == FRIENDSHIP[:3]
    assert sorted(generator.calls[6:12]) == sorted(FRIENDSHIP)


async def test_time_is_left_for_a_call_that_ends_within_the_attempt_or_in_none(
    chat: UUID, make_engine: MakeEngine
) -> None:
    told = list[list[bool]]()

    class Watching(ScriptedGenerator):
        async def write(self, *given: Any, guard: CallGuard, **more: Any) -> Draft:
            assert isinstance(guard, JobCallGuard)
            told.append([guard.leaves_time(call_s) for call_s in (30, 90, 300)])
            attempt = guard.attempt  # Each begins ten seconds after the one before.
            attempt.claim = replace(attempt.claim, sent_at=attempt.claim.sent_at - 10)
            attempt.deadline -= 10
            return await super().write(*given, guard=guard, **more)

    unlocked = await unlock("alice", chat)
    await make_engine(generator=Watching()).run_job("alice", unlocked.job_id)
    assert told[0] == [True, True, True]
    assert told[-1] == [True, False, True]


async def test_a_frozen_worker_that_wakes_up_writes_nothing(
    chat: UUID, make_engine: MakeEngine, keyring: KeyRing
) -> None:
    frozen_model, healthy_model = ScriptedGenerator(gate=asyncio.Event()), ScriptedGenerator()
    frozen, healthy = make_engine(generator=frozen_model), make_engine(generator=healthy_model)
    unlocked = await unlock("alice", chat)
    frozen_run = asyncio.create_task(frozen.run_job("alice", unlocked.job_id))
    await until(lambda: len(frozen_model.calls) == 6)
    await end_lease(unlocked.job_id)
    await healthy.run_job("alice", unlocked.job_id)
    settled = await job_row("alice", unlocked.job_id)
    assert (settled.state, settled.attempt, settled.fence) == ("succeeded", 2, 2)
    assert frozen_model.gate is not None
    frozen_model.gate.set()
    await frozen_run
    assert await job_row("alice", unlocked.job_id) == settled
    await assert_healthy()


async def test_the_heartbeat_stops_what_lost_its_lease(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(make_engine(heartbeat_s=0.05).run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    await execute("UPDATE jobs SET fence = fence + 1")
    async with asyncio.timeout(60):
        await running
    assert (await job_row("alice", unlocked.job_id)).state == "running"


async def test_the_heartbeat_renews_no_further_than_the_attempt_may_last(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(make_engine(heartbeat_s=0.05).run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    await execute("UPDATE jobs SET attempt_until = clock_timestamp() + interval '9 s'")

    async def is_capped() -> bool:
        row = await job_row("alice", unlocked.job_id)
        return row.lease_until == row.attempt_until

    await until(is_capped)
    generator.gate.set()
    await running


async def test_a_drain_returns_the_lease_and_another_worker_finishes(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    draining = make_engine()
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(draining.run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)
    await draining.drain()
    await running
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt, row.lease_until) == ("queued", 0, None)
    generator.gate.set()
    await make_engine().run_job("alice", unlocked.job_id)
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    await draining.run_job("alice", unlocked.job_id)  # A drained engine takes nothing up.
    await assert_healthy()


@pytest.mark.parametrize("redis_port", [9])  # Discard: nothing listens there.
async def test_without_redis_a_job_runs_all_the_same(
    chat: UUID, make_engine: MakeEngine, redis_port: int
) -> None:
    async with Redis(host="127.0.0.1", port=redis_port) as absent:
        unlocked = await unlock("alice", chat)
        await make_engine(redis=absent).run_job("alice", unlocked.job_id)
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"


async def test_a_job_of_another_catalog_version_waits_for_its_worker(
    chat: UUID, make_engine: MakeEngine
) -> None:
    unlocked = await unlock("alice", chat)
    await execute("UPDATE jobs SET prompt_version = 999")
    await make_engine().run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt, row.error_code) == ("queued", 0, "prompt_version")
