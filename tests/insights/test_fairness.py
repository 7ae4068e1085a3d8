"""Who has many jobs does not keep others waiting, on three workers that share a provider."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from app.chats.message import Message
from app.credits.accounts import grant_coins
from app.crypto import KeyRing
from app.insights.catalog import CATEGORIES
from app.insights.context import build_context
from app.insights.generator import GenerationFailed
from app.insights.model_generator import ModelGenerator
from app.llm.limits import CallLimits
from app.llm.openai_compatible import OpenAICompatible
from app.llm.shared import Bounds
from tests.insights.conftest import (
    START,
    MakeEngine,
    assert_healthy,
    job_row,
    small_chat,
    store_chat,
    unlock,
    until,
)
from tests.insights.test_outages import attempt, call
from tests.provider_stub import Fault, ProviderStub

WORKERS, PLACES = 3, 6
MANY = 100
MARK = "zebra"

MakeWorkers = Callable[..., list[ModelGenerator]]


@pytest.fixture
async def stub() -> AsyncIterator[ProviderStub]:
    async with ProviderStub(gate=asyncio.Event()) as running:
        running.behaviour.latency_s = 0.005
        yield running


@pytest.fixture
async def make_workers(stub: ProviderStub, redis: Redis) -> AsyncIterator[MakeWorkers]:
    """The generators of three worker processes that share the stub."""
    made: list[ModelGenerator] = []

    def make(**given: Any) -> list[ModelGenerator]:
        for _ in range(WORKERS):
            llm = OpenAICompatible(
                model="m", api_key="sk", base_url=stub.base_url, concurrency=PLACES
            )
            limits = CallLimits(redis, model="m", bounds=Bounds(concurrency=PLACES), **given)
            made.append(ModelGenerator(llm, limits))
        return made

    yield make
    for generator in made:
        await generator.close()


def marked_chat() -> list[Message]:
    return [
        Message(number, START + timedelta(minutes=number), ("Ann", "Ben")[number % 2], MARK)
        for number in range(1, 41)
    ]


def opened(gate: asyncio.Event | None) -> None:
    assert gate is not None
    gate.set()


async def test_a_job_is_not_kept_waiting_by_a_hundred_of_another_user(
    engine: None,
    keyring: KeyRing,
    make_engine: MakeEngine,
    make_workers: MakeWorkers,
    stub: ProviderStub,
) -> None:
    engines = [make_engine(generator=generator) for generator in make_workers()]
    await unlock("ann", await store_chat(keyring, "ann"))  # Opens the account.
    await grant_coins("ann", coins=50 * MANY, reason="many", reference="m", actor="ops")
    many = [(await unlock("ann", await store_chat(keyring, "ann"))).job_id for _ in range(MANY)]
    one = (await unlock("ben", await store_chat(keyring, "ben", marked_chat()))).job_id

    running = [
        asyncio.create_task(engines[place % WORKERS].run_job("ann", job))
        for place, job in enumerate(many)
    ]
    await until(lambda: stub.meter.under_way == PLACES, deadline_s=30)
    last = asyncio.create_task(engines[0].run_job("ben", one))

    async def is_waiting() -> bool:
        return (await job_row("ben", one)).state == "running"

    await until(is_waiting)
    opened(stub.gate)
    async with asyncio.timeout(120):
        await asyncio.gather(*running, last)

    places = [at for at, call in enumerate(stub.received, start=1) if MARK in call.text]
    assert len(places) == 6
    assert len(stub.received) == 6 * (MANY + 1)
    # Two jobs' worth of calls in each worker; after all of ann's they would be the last six.
    assert places[-1] <= 6 * (2 * WORKERS + 2)
    assert stub.meter.under_way_max == PLACES
    await assert_healthy()


async def test_a_429_that_one_worker_is_told_keeps_all_of_them_from_calling(
    make_workers: MakeWorkers, stub: ProviderStub
) -> None:
    context = build_context(small_chat(), CATEGORIES["friendship"])
    opened(stub.gate)
    told, *others = make_workers(wait_max_s=1.5)
    stub.behaviour.retry_after_s = 100
    stub.behaviour.plan([Fault.RATE_LIMITED])
    failure = await call(attempt(told), context)
    assert isinstance(failure, GenerationFailed)
    assert failure.retry_after_s == 100

    for kept in await asyncio.gather(*(call(attempt(one), context) for one in (told, *others))):
        assert isinstance(kept, GenerationFailed)
        assert (kept.code, kept.gives_back, kept.was_sent) == ("provider_busy", True, False)
        assert (kept.retry_after_s or 0) > 90
    assert stub.meter.calls == 1
