"""Who has many jobs does not keep others waiting, on three workers that share a provider."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.catalog.categories import CATEGORIES
from app.chats.message import Message
from app.credits.accounts import grant_coins
from app.crypto import KeyRing
from app.generation.model.generator import ModelGenerator
from app.generation.preparation import build_context
from app.llm.limits import CallLimits, Permit
from app.llm.shared import Bounds
from tests.provider_stub import Fault, ProviderStub
from tests.support.jobs import START, MakeEngine, assert_healthy, small_chat, store_chat, unlock
from tests.support.models import MakeModel, attempt, client_of, refused
from tests.support.waiting import until

WORKERS, PLACES = 3, 6
MANY = 100
MARK = "zebra"


@dataclass(frozen=True)
class Worker:
    """What a worker process has of its own."""

    generator: ModelGenerator
    limits: "Asked"


MakeWorkers = Callable[..., list[Worker]]


@pytest.fixture
def stub(stub: ProviderStub) -> ProviderStub:
    stub.gate, stub.behaviour.latency_s = asyncio.Event(), 0.005
    return stub


class Asked(CallLimits):
    """Knows whose calls have asked for a place, and whose got one, in order."""

    def __init__(self, redis: Redis, asked: Counter[str], **given: Any) -> None:
        super().__init__(redis, model="m", bounds=Bounds(concurrency=PLACES), **given)
        self._asked = asked
        self.served: list[str] = []

    @asynccontextmanager
    async def slot(self, user_id: str, job_id: UUID, *, tokens: int) -> AsyncGenerator[Permit]:
        self._asked[user_id] += 1
        async with super().slot(user_id, job_id, tokens=tokens) as permit:
            self.served.append(user_id)
            yield permit


@pytest.fixture
def asked() -> Counter[str]:
    """How many calls of each user have asked for a place."""
    return Counter()


@pytest.fixture
def make_workers(
    make_model: MakeModel, stub: ProviderStub, redis: Redis, asked: Counter[str]
) -> MakeWorkers:
    """Three worker processes that share the stub."""

    def make(**given: Any) -> list[Worker]:
        return [
            Worker(make_model(client_of(stub, concurrency=PLACES)), Asked(redis, asked, **given))
            for _ in range(WORKERS)
        ]

    return make


def marked_chat() -> list[Message]:
    return [
        Message(number, START + timedelta(minutes=number), ("Ann", "Ben")[number % 2], MARK)
        for number in range(1, 81)
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
    asked: Counter[str],
) -> None:
    workers = make_workers()
    engines = [make_engine(generator=one.generator, limits=one.limits) for one in workers]
    await unlock("ann", await store_chat(keyring, "ann"))  # Opens the account.
    await grant_coins("ann", coins=50 * MANY, reason="many", reference="m", actor="ops")
    many = [(await unlock("ann", await store_chat(keyring, "ann"))).job_id for _ in range(MANY)]
    one = (await unlock("ben", await store_chat(keyring, "ben", marked_chat()))).job_id

    running = [
        asyncio.create_task(engines[place % WORKERS].run_job("ann", job))
        for place, job in enumerate(many)
    ]
    await until(lambda: stub.meter.under_way == PLACES)
    await until(lambda: asked["ann"] == 6 * MANY)
    last = asyncio.create_task(engines[0].run_job("ben", one))
    await until(lambda: asked["ben"] == 6)
    opened(stub.gate)
    async with asyncio.timeout(120):
        await asyncio.gather(*running, last)

    # In the job's own worker: what had a place before it asked, and ann's first job, and it.
    served = workers[0].limits.served
    assert served.count("ben") == 6
    assert served[: PLACES + 2 * 6].count("ben") == 6
    # Among all, however the turns of the workers fall; after all of ann's they would be the last.
    places = [at for at, call in enumerate(stub.received, start=1) if MARK in call.text]
    assert len(places) == 6
    assert len(stub.received) == 6 * (MANY + 1)
    assert places[-1] <= 6 * MANY // 4
    assert stub.meter.under_way_max == PLACES
    await assert_healthy()


async def test_a_429_that_one_worker_is_told_keeps_all_of_them_from_calling(
    make_workers: MakeWorkers, stub: ProviderStub
) -> None:
    context = build_context(small_chat(), CATEGORIES["friendship"])
    opened(stub.gate)
    told, *others = make_workers(wait_max_s=1.5)
    stub.behaviour.retry_after_s = 600
    stub.behaviour.plan([Fault.RATE_LIMITED])

    async def is_told() -> bool:
        failure = await refused(attempt(told.generator, limits=told.limits), context)
        return (failure.code, failure.retry_after_s) == ("rate_limited", 600)

    async def is_kept_back(one: Worker) -> bool:
        kept = await refused(attempt(one.generator, limits=one.limits), context)
        assert (kept.code, kept.gives_back, kept.was_sent) == ("provider_busy", True, False)
        return (kept.retry_after_s or 0) > 500

    # More than once, where Redis takes longer to answer than a call waits for its place.
    await until(is_told)
    await asyncio.gather(*(until(partial(is_kept_back, one)) for one in (told, *others)))
    assert stub.meter.calls == 1
