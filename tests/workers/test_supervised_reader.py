"""The broker's reader of the stream outlives whatever the stream, or Redis, has for it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.ids import new_id
from tests.support.waiting import until
from tests.support.wire import wired
from workers import broker as broker_module
from workers.broker import QUEUE, WakeUpBroker

DEADLINE_S = 60
TASK = "run_insight_job"


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Heard:
    """A broker that is listened to, and what it yielded."""

    def __init__(self, url: str) -> None:
        self.broker = WakeUpBroker()
        self.broker.connect(url)
        self.jobs: list[str] = []
        self._pulling: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._pulling = asyncio.create_task(self._pull())

    async def send(self, redis: Redis, job: str) -> None:
        await redis.xadd(QUEUE, {b"data": self.broker.message_of(TASK, {"job": job})})

    async def hears(self, redis: Redis) -> None:
        job = str(new_id())
        await self.send(redis, job)
        await until(lambda: job in self.jobs)

    async def close(self) -> None:
        if self._pulling is not None:
            self._pulling.cancel()
            await asyncio.wait({self._pulling})
        await self.broker.connection_pool.disconnect()

    async def _pull(self) -> None:
        messages = self.broker.listen()
        try:
            async for message in messages:
                self.jobs.append(self.broker.formatter.loads(message.data).kwargs["job"])
                acknowledged = message.ack()
                assert acknowledged is not None
                await acknowledged
        finally:
            await messages.aclose()


@pytest.fixture
async def heard(redis: Redis, redis_url: str) -> AsyncIterator[Heard]:
    hearing = Heard(redis_url)
    yield hearing
    await hearing.close()


async def test_an_entry_that_is_no_wake_up_deafens_no_worker(heard: Heard, redis: Redis) -> None:
    before = metric("sixfold_wakeups_malformed_total")
    heard.start()
    await heard.hears(redis)
    await redis.xadd(QUEUE, {"foo": "bar"})
    await heard.hears(redis)
    assert metric("sixfold_wakeups_malformed_total") == before + 1


async def test_a_bug_in_the_reader_is_counted_and_the_reader_goes_on(
    heard: Heard, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = metric("sixfold_task_failures_total", task="stream reader")
    failed = asyncio.Event()

    def fail(_: Any) -> int:
        if failed.is_set():
            return 1
        failed.set()
        raise ZeroDivisionError

    monkeypatch.setattr(WakeUpBroker, "room", property(fail))
    heard.start()
    await heard.hears(redis)
    assert metric("sixfold_task_failures_total", task="stream reader") == before + 1


async def test_refusals_are_logged_once_and_waited_through_longer_each_time(
    heard: Heard, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds >= broker_module.RECONNECT_FIRST_S:
            pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr(broker_module.asyncio, "sleep", noted)
    await redis.set(QUEUE, "no stream")
    with capture_logs() as logs:
        heard.start()
        async with asyncio.timeout(DEADLINE_S):
            while len(pauses) < 8:
                await sleep(0.01)
    assert pauses[:6] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
    assert len([one for one in logs if one["event"] == "redis.unreachable"]) == 1
    await redis.delete(QUEUE)
    await heard.hears(redis)


async def test_a_redis_that_refuses_to_make_the_group_is_not_asked_without_a_pause(
    heard: Heard, redis: Redis
) -> None:
    await redis.execute_command(
        "ACL", "SETUSER", "reader", "on", ">p", "~*", "&*", "+@all", "-xgroup"
    )
    pool = heard.broker.connection_pool
    heard.broker.connect(
        f"redis://reader:p@{pool.connection_kwargs['host']}:{pool.connection_kwargs['port']}"
        f"/{pool.connection_kwargs['db']}"
    )
    try:
        await redis.config_resetstat()
        heard.start()

        async def refused() -> int:
            stats = await redis.info("commandstats")
            return int(stats.get("cmdstat_xgroup|create", {}).get("rejected_calls", 0))

        async def is_refused() -> bool:
            return await refused() >= 2

        await until(is_refused)
        # Two tries and the pause between them: without a pause there are hundreds by then.
        assert await refused() < 10
    finally:
        await redis.execute_command("ACL", "DELUSER", "reader")


async def test_a_reader_on_a_silent_network_reads_on_after_it_has_healed(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "REPLY_TIMEOUT_S", broker_module.BLOCK_MS / 1000 + 0.5)
    async with wired(redis_url) as wire:
        heard = Heard(wire.url)
        try:
            heard.start()
            await heard.hears(redis)
            before = wire.accepted
            wire.fall_silent()
            await until(lambda: wire.accepted > before)
            wire.heal()
            await heard.hears(redis)
        finally:
            await heard.close()


async def test_it_is_said_that_wake_ups_come_by_rescue_only(redis_url: str, redis: Redis) -> None:
    heard = Heard("redis://127.0.0.1:9/0")

    async def find_due(_: int) -> list[dict[str, str]]:
        return [{"job": "found"}]

    heard.broker.rescue_with(find_due, task_name=TASK, rescue_s=0.01)
    by_rescue = metric("sixfold_wakeups_total", source="rescue")
    with capture_logs() as logs:
        heard.start()
        try:
            await until(lambda: len(heard.jobs) >= 10)
            assert metric("sixfold_wakeups_by_rescue_only") == 1
            assert metric("sixfold_wakeups_total", source="rescue") >= by_rescue + 10
            assert [one["event"] for one in logs].count("wakeups.by_rescue_only") == 1
        finally:
            await heard.close()
    heard = Heard(redis_url)
    try:
        heard.start()
        await heard.hears(redis)
        assert metric("sixfold_wakeups_by_rescue_only") == 0
    finally:
        await heard.close()
