"""Jobs written by a model: what is stored, billed and charged, and what a failure leads to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from app.chats.message import Message
from app.credits.accounts import opened_balance
from app.credits.service import Balance
from app.crypto import KeyRing
from app.db import snapshot
from app.generation.model.generator import ModelGenerator
from app.llm.breaker import Breaker
from app.llm.limits import CallLimits
from app.llm.shared import Bounds
from tests.provider_stub import Fault, ProviderStub
from tests.support.chats import friends
from tests.support.jobs import MakeEngine, assert_healthy, execute, job_row, store_chat, unlock
from tests.support.models import MakeModel, client_of
from tests.support.waiting import until

RunJob = Callable[..., Awaitable[UUID]]


@pytest.fixture
def run_job(
    engine: None, keyring: KeyRing, make_engine: MakeEngine, model: ModelGenerator
) -> RunJob:
    """`run_job()`: a category of a chat of Alice's is unlocked, and tried once; the job's id."""

    async def run(messages: Sequence[Message] | None = None) -> UUID:
        job_id = (await unlock("alice", await store_chat(keyring, "alice", messages))).job_id
        await make_engine(generator=model).run_job("alice", job_id)
        return job_id

    return run


async def rows_of(job_id: UUID) -> list[Any]:
    async with snapshot() as connection:
        found = await connection.execute(
            text("SELECT * FROM insights WHERE job_id = :id ORDER BY ord"), {"id": job_id}
        )
        return list(found.all())


async def test_a_job_is_written_by_the_model_billed_and_charged_once(
    run_job: RunJob, stub: ProviderStub
) -> None:
    stub.behaviour.cached_share = 0.5
    stub.behaviour.plan([Fault.INVALID])
    job_id = await run_job(friends())
    assert (await job_row("alice", job_id)).state == "succeeded"
    rows = await rows_of(job_id)
    assert sorted(row.attempts for row in rows) == [1, 1, 1, 1, 1, 2]
    assert {row.model for row in rows} == {"gpt-test-stub"}
    assert sum(row.tokens_out for row in rows) == 7 * 120
    for row in rows:
        assert 0 < row.cost_microusd < row.tokens_in * 2 + row.tokens_out * 8
    assert await opened_balance("alice") == Balance(0, 0)
    await assert_healthy()


async def test_every_insight_keeps_the_prices_and_the_prompt_version_it_was_billed_by(
    run_job: RunJob, stub: ProviderStub
) -> None:
    stub.behaviour.cached_share = 0.5
    stub.behaviour.plan([Fault.INVALID])
    job_id = await run_job(friends())
    version = (await job_row("alice", job_id)).prompt_version
    for row in await rows_of(job_id):
        prices = (row.price_input, row.price_cached, row.price_output)
        assert (row.prompt_version, *prices) == (version, 2_000_000, 500_000, 8_000_000)
        fresh = row.tokens_in - row.tokens_cached
        counted = zip((fresh, row.tokens_cached, row.tokens_out), prices, strict=True)
        exact = sum(tokens * price for tokens, price in counted)
        assert abs(row.cost_microusd * 1_000_000 - exact) <= row.attempts * 500_000
        was_repaired = row.attempts == 2
        assert (0 < row.wasted_microusd < row.cost_microusd) == was_repaired
        assert (row.wasted_microusd == 0) == (not was_repaired)


async def test_a_failed_insight_names_the_model_that_was_asked_and_its_prices(
    run_job: RunJob, stub: ProviderStub
) -> None:
    stub.behaviour.chances = {Fault.INVALID: 1.0}
    job_id = await run_job()
    for row in await rows_of(job_id):
        assert (row.state, row.model, row.price_output) == ("failed", "gpt-test", 8_000_000)
        assert 0 < row.cost_microusd == row.wasted_microusd


@pytest.mark.parametrize("fault", [Fault.BAD_REQUEST, Fault.REFUSED])
async def test_what_no_other_call_would_mend_gives_the_coins_back_at_once(
    run_job: RunJob, stub: ProviderStub, fault: Fault
) -> None:
    stub.behaviour.plan([fault])
    job_id = await run_job()
    row = await job_row("alice", job_id)
    assert (row.state, row.attempt, row.error_code) == ("failed", 1, fault.value)
    assert stub.meter.calls == 6
    assert Counter(row.insight_states) == {"completed": 5, "failed": 1}
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_an_insight_costs_at_most_three_calls_an_attempt_repair_included(
    run_job: RunJob, stub: ProviderStub
) -> None:
    answers = cycle(["{}", '{"headline": "h"}'])
    stub.write = lambda request, fault: next(answers)
    job_id = await run_job()
    row = await job_row("alice", job_id)
    assert (row.state, row.attempt, row.error_code) == ("queued", 1, "invalid_answer")
    assert stub.meter.calls == 18
    spent = [insight.tokens_out for insight in await rows_of(job_id)]
    assert spent == [3 * 120] * 6  # Wasted, and on the bill.


async def test_six_answers_that_are_unusable_for_one_reason_end_the_job(
    run_job: RunJob, stub: ProviderStub
) -> None:
    stub.behaviour.chances = {Fault.INVALID: 1.0}
    job_id = await run_job()
    row = await job_row("alice", job_id)
    assert (row.state, row.error_code) == ("failed", "invalid_answer")
    assert stub.meter.calls == 6
    assert (await opened_balance("alice")).held == 0
    await assert_healthy()


async def test_an_outage_costs_no_attempt_and_the_job_is_served_when_it_is_over(
    engine: None,
    keyring: KeyRing,
    make_engine: MakeEngine,
    make_model: MakeModel,
    stub: ProviderStub,
) -> None:
    now = 0.0
    breaker = Breaker(clock=lambda: now)
    job_engine = make_engine(generator=make_model(client_of(stub), breaker=breaker))
    stub.behaviour.chances = {Fault.UNAVAILABLE: 0.5, Fault.CUT: 0.5}
    unlocked = await unlock("alice", await store_chat(keyring, "alice"))
    for probes in range(8):
        now += breaker.wait_s
        calls_before = stub.meter.calls
        await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
        await job_engine.run_job("alice", unlocked.job_id)
        row = await job_row("alice", unlocked.job_id)
        assert (row.state, row.attempt, row.error_code) == ("queued", 0, "provider_busy")
        calls = stub.meter.calls - calls_before
        # At first each may go a second time before the sixth failure opens the circuit.
        assert calls == 1 if probes else 6 <= calls < 12
    assert await opened_balance("alice") == Balance(0, 50)

    stub.behaviour.chances = {}
    now += breaker.wait_s
    await execute("UPDATE jobs SET next_run_at = clock_timestamp()")
    await job_engine.run_job("alice", unlocked.job_id)
    assert (await job_row("alice", unlocked.job_id)).state == "succeeded"
    assert await opened_balance("alice") == Balance(0, 0)
    await assert_healthy()


async def test_a_wrong_key_costs_nobody_an_attempt(run_job: RunJob, stub: ProviderStub) -> None:
    stub.behaviour.chances = {Fault.UNAUTHORIZED: 1.0}
    job_id = await run_job()
    row = await job_row("alice", job_id)
    assert (row.state, row.attempt) == ("queued", 0)
    assert stub.meter.calls <= 6


async def test_calls_of_many_jobs_keep_to_the_limit_and_all_are_served(
    engine: None,
    keyring: KeyRing,
    make_engine: MakeEngine,
    make_model: MakeModel,
    stub: ProviderStub,
    redis: Redis,
) -> None:
    stub.gate = asyncio.Event()
    limits = CallLimits(redis, model="gpt-test", bounds=Bounds(concurrency=5))
    job_engine = make_engine(generator=make_model(client_of(stub)), limits=limits)
    users = [f"user{number}" for number in range(10)]
    jobs = [(user, (await unlock(user, await store_chat(keyring, user))).job_id) for user in users]
    running = [asyncio.create_task(job_engine.run_job(user, job_id)) for user, job_id in jobs]
    await until(lambda: stub.meter.under_way == 5)
    stub.gate.set()
    await asyncio.gather(*running)
    states = [(await job_row(user, job_id)).state for user, job_id in jobs]
    assert states == ["succeeded"] * 10
    assert stub.meter.calls == 60
    assert stub.meter.under_way_max == 5
