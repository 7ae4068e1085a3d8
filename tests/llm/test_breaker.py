import asyncio

import pytest

from app.llm.breaker import Breaker, CircuitOpen
from app.llm.protocol import Rejection

REJECTION = Rejection("key", 401, "model.example")


async def fail(breaker: Breaker, *, rejection: Rejection | None = None) -> None:
    async with breaker.passage() as passage:
        passage.failed(rejection=rejection)


async def succeed(breaker: Breaker) -> None:
    async with breaker.passage() as passage:
        passage.succeeded()


async def test_failures_one_after_another_open_it_and_a_success_between_does_not() -> None:
    breaker = Breaker(failures_max=3, open_first_s=50)
    for _ in range(5):
        await fail(breaker)
        await fail(breaker)
        await succeed(breaker)
    for _ in range(3):
        await fail(breaker)
    with pytest.raises(CircuitOpen) as refused:
        await succeed(breaker)
    assert 0 < refused.value.retry_after_s <= 50


async def test_a_certain_failure_opens_it_at_once() -> None:
    breaker = Breaker(open_first_s=50)
    await fail(breaker, rejection=REJECTION)
    assert breaker.is_open


async def test_after_a_while_one_probe_goes_and_the_others_wait_for_it() -> None:
    breaker = Breaker(failures_max=1, open_first_s=0)
    await fail(breaker)
    answered = asyncio.Event()
    probes = 0

    async def call() -> None:
        nonlocal probes
        async with breaker.passage() as passage:
            probes += passage.is_probe
            await answered.wait()
            passage.succeeded()

    calls = [asyncio.create_task(call()) for _ in range(6)]
    await asyncio.sleep(0)  # Each has gone as far as it can.
    assert probes == 1
    answered.set()
    await asyncio.gather(*calls)
    assert (probes, breaker.is_open) == (1, False)


async def test_a_failed_probe_keeps_it_open_for_longer() -> None:
    now = 0.0
    breaker = Breaker(failures_max=1, open_first_s=5, open_max_s=30, clock=lambda: now)
    await fail(breaker)
    waits: list[float] = []
    for _ in range(4):
        now += breaker.wait_s
        assert not breaker.wait_s
        await fail(breaker)
        waits.append(breaker.wait_s)
    assert waits == [10, 20, 30, 30]
    assert breaker.is_open


async def test_a_cancelled_probe_decides_nothing() -> None:
    breaker = Breaker(failures_max=1, open_first_s=0)
    await fail(breaker)

    async def hang() -> None:
        async with breaker.passage():
            await asyncio.Event().wait()

    probe = asyncio.create_task(hang())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(succeed(breaker))
    await asyncio.sleep(0)
    probe.cancel()
    await waiting
    assert not breaker.is_open


async def test_who_waited_elsewhere_hears_that_it_opened_meanwhile() -> None:
    breaker = Breaker(failures_max=1, open_first_s=50)
    async with breaker.passage() as early:
        await fail(breaker)
        with pytest.raises(CircuitOpen):
            early.check()
