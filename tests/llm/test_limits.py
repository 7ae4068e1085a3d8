"""Limits that several processes share: as several `CallLimits`, and as real processes."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from app.llm.limits import CallLimits, NoSlot, Permit
from app.llm.shared import PROCESSES_ASSUMED, Bounds
from app.redis import connect_redis
from tests.provider_stub import ProviderStub
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[2]
MOMENT_S = 0.4
"""Who waits asks again within a quarter of a second: by then a place would have been found."""

MakeLimits = Callable[..., CallLimits]


@pytest.fixture
async def make_limits(redis: Redis) -> AsyncIterator[MakeLimits]:
    """Makes the limits of processes that share a model."""
    async with AsyncExitStack() as stack:

        def make(**bounds: object) -> CallLimits:
            shared = bounds.pop("redis", redis)
            wait_max_s = bounds.pop("wait_max_s", 60.0)
            limits = CallLimits(
                shared,  # pyright: ignore[reportArgumentType]
                model="m",
                bounds=Bounds(**bounds),  # pyright: ignore[reportArgumentType]
                wait_max_s=wait_max_s,  # pyright: ignore[reportArgumentType]
            )
            stack.push_async_callback(limits.close)
            return limits

        yield make


async def granted(limits: CallLimits, stack: AsyncExitStack, *, tokens: int = 10) -> Permit:
    """A place kept until the stack ends."""
    return await stack.enter_async_context(limits.slot("user", uuid4(), tokens=tokens))


async def granted_of(asking: Iterable[Coroutine[Any, Any, Permit]], *, least: int) -> int:
    """How many get a place: `least` in whatever time it takes, others within a moment more."""
    calls = [asyncio.create_task(call) for call in asking]

    def count() -> int:
        return sum(call.done() and bool(call.result()) for call in calls)

    await until(lambda: count() >= least)
    others = [call for call in calls if not call.done()]
    await asyncio.wait(others, timeout=MOMENT_S, return_when=asyncio.FIRST_COMPLETED)
    found = count()
    for call in others:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    return found


async def refusal(limits: CallLimits) -> NoSlot | None:
    """None when there was a place."""
    try:
        async with limits.slot("user", uuid4(), tokens=1):
            return None
    except NoSlot as refused:
        return refused


async def test_processes_together_never_have_more_places_than_the_limit(
    make_limits: MakeLimits,
) -> None:
    processes = [make_limits(concurrency=5) for _ in range(3)]
    under_way = most = 0
    full = asyncio.Barrier(5)

    async def call(limits: CallLimits) -> None:
        nonlocal under_way, most
        async with limits.slot("user", uuid4(), tokens=10):
            under_way += 1
            most = max(most, under_way)
            await full.wait()  # No call ends before as many are under way as may be.
            under_way -= 1

    await asyncio.gather(*(call(limits) for limits in processes for _ in range(40)))
    assert most == 5


async def test_a_process_that_waits_gets_its_share_of_a_busy_model(
    make_limits: MakeLimits,
) -> None:
    greedy, late = make_limits(concurrency=4), make_limits(concurrency=4)
    served: list[str] = []
    ends = asyncio.Semaphore(0)

    async def call(limits: CallLimits, name: str) -> None:
        async with limits.slot("user", uuid4(), tokens=10):
            served.append(name)
            await ends.acquire()

    first = [asyncio.create_task(call(greedy, "greedy")) for _ in range(80)]
    await until(lambda: len(served) == 4)
    second = [asyncio.create_task(call(late, "late")) for _ in range(10)]
    while served.count("late") < 10:
        before = len(served)
        ends.release()
        await until(lambda: len(served) > before)  # noqa: B023 (called at once)
    assert served.count("greedy") < 70
    for _ in (*first, *second):
        ends.release()
    await asyncio.gather(*first, *second)


@pytest.mark.parametrize(
    "bounds", [{"requests_per_minute": 20}, {"tokens_per_minute": 2_000}], ids=["calls", "tokens"]
)
async def test_a_minute_holds_no_more_than_its_limit(
    make_limits: MakeLimits, bounds: dict[str, int]
) -> None:
    processes = [make_limits(concurrency=100, **bounds) for _ in range(2)]
    async with AsyncExitStack() as stack:
        asking = [granted(limits, stack, tokens=100) for limits in processes for _ in range(15)]
        assert await granted_of(asking, least=20) == 20


async def test_what_was_really_spent_makes_room_for_others(make_limits: MakeLimits) -> None:
    limits = make_limits(concurrency=10, tokens_per_minute=1_000)
    for spent in (100, 100, 100, 100):
        async with limits.slot("user", uuid4(), tokens=700) as permit:
            permit.spent = spent
    async with AsyncExitStack() as stack:
        # 400 of 1,000 are spent.
        assert await granted_of([granted(limits, stack, tokens=700)], least=0) == 0


async def test_the_places_of_a_killed_process_come_back_with_their_lease(
    make_limits: MakeLimits, redis: Redis
) -> None:
    doomed, other = make_limits(concurrency=2, lease_s=0.4), make_limits(concurrency=2)
    async with AsyncExitStack() as never_returned:
        for _ in range(2):
            await granted(doomed, never_returned)
        assert await refusal(other) is None


async def test_a_place_is_not_lost_when_its_call_is_cancelled(
    make_limits: MakeLimits, redis: Redis
) -> None:
    limits = make_limits(concurrency=1)

    async def hold() -> None:
        async with limits.slot("user", uuid4(), tokens=1):
            await redis.ping()

    for round_trips in [*range(5)] * 4:  # Before, while and after Redis answers.
        waiting = [asyncio.create_task(hold()) for _ in range(3)]
        for _ in range(round_trips):
            await redis.ping()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert await refusal(limits) is None


async def test_a_wait_that_one_process_was_told_holds_for_all(make_limits: MakeLimits) -> None:
    told, other = (make_limits(concurrency=9, wait_max_s=0.2) for _ in range(2))

    async def is_served() -> bool:
        return await refusal(other) is None

    async def is_known_to(limits: CallLimits) -> bool:
        refused = await refusal(limits)
        assert refused is not None
        return refused.retry_after_s > 20  # Less, if the answer took longer than the wait.

    await until(is_served)
    told.slow(100)
    for limits in (told, other):
        await until(lambda: is_known_to(limits))  # noqa: B023 (called at once)


async def test_after_a_429_half_as_many_calls_are_under_way_at_once_in_all_processes(
    make_limits: MakeLimits,
) -> None:
    told, other = (make_limits(concurrency=8) for _ in range(2))
    async with AsyncExitStack() as before:
        assert await granted_of((granted(other, before) for _ in range(9)), least=8) == 8
        told.slow(0.001)
        assert await granted_of([granted(told, before)], least=0) == 0
    async with AsyncExitStack() as after:
        asking = [granted(limits, after) for limits in (told, other) for _ in range(6)]
        # Half, and what has grown back since: one in seven or eight seconds.
        assert 4 <= await granted_of(asking, least=4) < 8


async def test_a_second_job_of_a_user_comes_after_the_first_of_another(
    make_limits: MakeLimits,
) -> None:
    limits = make_limits(concurrency=1)
    served: list[str] = []

    async def call(user: str, job: UUID, name: str) -> None:
        async with limits.slot(user, job, tokens=1):
            served.append(name)

    first, second, third = uuid4(), uuid4(), uuid4()
    calls = [("ann", first, "ann 1"), ("ann", second, "ann 2"), ("ben", third, "ben 1")]
    await asyncio.gather(*(call(*one) for one in calls for _ in range(3)))
    assert served == ["ann 1"] * 3 + ["ben 1"] * 3 + ["ann 2"] * 3


async def test_without_redis_a_process_keeps_to_its_share(make_limits: MakeLimits) -> None:
    async with connect_redis("redis://127.0.0.1:9/0") as absent:
        limits = make_limits(concurrency=8, redis=absent)
        share = 8 // PROCESSES_ASSUMED
        async with AsyncExitStack() as stack:
            asking = [granted(limits, stack) for _ in range(8)]
            assert await granted_of(asking, least=share) == share
        await limits.close()


async def test_what_is_held_is_told_again_when_redis_lost_it(
    make_limits: MakeLimits, redis: Redis
) -> None:
    limits = make_limits(concurrency=3)
    async with AsyncExitStack() as stack:
        await granted(limits, stack)
        await granted(limits, stack)
        await redis.flushdb()
        assert await granted_of((granted(limits, stack) for _ in range(3)), least=1) == 1


@pytest.fixture
async def start_caller(redis_url: str) -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts processes that call a model; none outlives the test."""
    started: list[Process] = []

    async def start(*argv: str) -> Process:
        started.append(
            await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.llm.caller", redis_url, *argv),
                cwd=ROOT,
                stdout=asyncio.subprocess.PIPE,
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_three_processes_one_killed_on_the_way_never_exceed_the_limit(
    redis: Redis, stub: ProviderStub, start_caller: Callable[..., Awaitable[Process]]
) -> None:
    limit, calls = 12, 150
    stub.behaviour.latency_s, stub.behaviour.spread_s = 0.1, 0.03
    stub.write = lambda request, fault: '{"headline": "h"}'
    callers = [await start_caller(stub.base_url, str(limit), str(calls)) for _ in range(3)]
    await until(lambda: stub.meter.calls >= 100 and stub.meter.under_way >= limit // 2)
    callers[0].kill()
    async with asyncio.timeout(120):
        printed = [(await caller.communicate())[0] for caller in callers]
    assert [int(text) for text in printed[1:]] == [calls, calls]
    assert stub.meter.under_way_max <= limit
    assert stub.meter.under_way_max > limit // 2
