import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis
from taskiq import AckableMessage

from app.ids import new_id
from tests.support.redis_connections import cut_connections
from workers.broker import ASYNC_TASKS_DEFAULT, CONSUMER, GROUP, QUEUE, WakeUpBroker

DEADLINE_S = 60

Due = list[dict[str, Any]]
MakeBroker = Callable[..., WakeUpBroker]


@pytest.fixture
async def make_broker(redis: Redis, redis_url: str) -> AsyncIterator[MakeBroker]:
    async with AsyncExitStack() as stack:

        def make(url: str = redis_url) -> WakeUpBroker:
            broker = WakeUpBroker()
            broker.connect(url)
            broker.task("run_insight_job")(_nothing)
            stack.push_async_callback(broker.connection_pool.disconnect)
            return broker

        yield make


async def _nothing(job_id: str) -> None:
    """A task to send; these tests only receive."""


async def _kick(broker: WakeUpBroker) -> str:
    job_id = str(new_id())
    task = broker.find_task("run_insight_job")
    assert task is not None
    await task.kiq(job_id=job_id)
    return job_id


class Listener:
    """Pulls from `listen()` as taskiq's receiver does."""

    def __init__(self, broker: WakeUpBroker) -> None:
        self._broker = broker
        self._messages = broker.listen()

    async def next(self) -> AckableMessage:
        async with asyncio.timeout(DEADLINE_S):
            return await anext(self._messages)

    async def next_job(self) -> str:
        message = await self.next()
        await _ack(message)
        return self._broker.formatter.loads(message.data).kwargs["job_id"]

    async def close(self) -> None:
        await self._messages.aclose()


Listen = Callable[[WakeUpBroker], Listener]


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Listens to brokers until the test ends, however it does."""
    async with AsyncExitStack() as stack:

        def start(broker: WakeUpBroker) -> Listener:
            listener = Listener(broker)
            stack.push_async_callback(listener.close)
            return listener

        yield start


async def _ack(message: AckableMessage) -> None:
    acknowledged = message.ack()
    if acknowledged is not None:
        await acknowledged


async def test_a_wake_up_is_heard_and_nothing_is_left_pending(
    make_broker: MakeBroker, listen: Listen, redis: Redis
) -> None:
    broker = make_broker()
    listener = listen(broker)
    sent = await _kick(broker)  # Before the group exists: it is read from the start.
    assert await listener.next_job() == sent
    assert (await redis.xpending(QUEUE, GROUP))["pending"] == 0


@pytest.mark.parametrize("damage", ["flushall", "kill"])
async def test_listening_goes_on_after_redis_lost_everything_or_cut_the_connection(
    make_broker: MakeBroker, listen: Listen, redis: Redis, damage: str
) -> None:
    broker = make_broker()
    listener = listen(broker)
    first = await _kick(broker)
    assert await listener.next_job() == first
    waiting = asyncio.create_task(listener.next_job())
    await asyncio.sleep(0)
    if damage == "flushall":
        await redis.flushdb()
    else:
        await cut_connections(redis, kind="normal")
    second = await _kick(make_broker())
    assert await waiting == second


async def test_without_redis_rescue_alone_wakes_jobs(
    make_broker: MakeBroker, listen: Listen
) -> None:
    broker = make_broker("redis://127.0.0.1:9/0")
    due = str(UUID(int=5))
    asked: list[int] = []

    async def find_due(room: int) -> Due:
        asked.append(room)
        return [{"job_id": due}]

    broker.rescue_with(find_due, task_name="run_insight_job", rescue_s=0.01)
    await broker.startup()
    listener = listen(broker)
    assert await listener.next_job() == due
    assert asked[0] == broker.room


async def test_a_process_asks_for_no_more_than_it_has_room_for(
    make_broker: MakeBroker, listen: Listen
) -> None:
    broker = make_broker()
    room = broker.room
    for _ in range(3):
        await _kick(broker)
    listener = listen(broker)
    messages = [await listener.next() for _ in range(3)]
    assert broker.room == room - 3
    for message in messages:
        await _ack(message)
    assert broker.room == room


async def test_the_stream_does_not_grow_for_ever(make_broker: MakeBroker, redis: Redis) -> None:
    broker = make_broker()
    broker.maxlen = 100
    async with redis.pipeline(transaction=False) as pipeline:
        for _ in range(1_000):
            pipeline.xadd(QUEUE, {b"data": b"old"})
        await pipeline.execute()
    await _kick(broker)
    assert await redis.xlen(QUEUE) < 500


async def test_the_stream_is_as_long_as_what_waits(
    make_broker: MakeBroker, listen: Listen, redis: Redis
) -> None:
    """Its length tells an autoscaler something; what a killed process had read does not stay."""
    broker = make_broker()
    await broker._declare_consumer_group()
    for _ in range(5):
        await _kick(broker)
    await redis.xreadgroup(GROUP, CONSUMER, {QUEUE: ">"}, count=2, noack=True)  # And killed.
    assert await redis.xlen(QUEUE) == 5
    listener = listen(broker)
    for _ in range(3):
        await listener.next()
    async with asyncio.timeout(DEADLINE_S):
        while await redis.xlen(QUEUE):
            pass  # The next read trims off what this one had.


@pytest.mark.parametrize(
    "argv",
    [
        ["taskiq", "worker", "workers.tasks:broker", "--max-async-tasks", "7"],
        # As a worker process finds it: taskiq has taken its own name off.
        ["worker", "workers.tasks:broker", "--max-async-tasks", "7"],
    ],
)
def test_a_process_has_room_for_what_its_command_line_allows(
    argv: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert WakeUpBroker().room == 7


def test_a_process_that_is_no_worker_has_the_default_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["sixfold", "serve"])
    assert WakeUpBroker().room == ASYNC_TASKS_DEFAULT
