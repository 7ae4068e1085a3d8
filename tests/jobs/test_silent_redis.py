"""Redis that is silent, not dead: packets vanish, until the kernel ends a connection: ETIMEDOUT."""

import asyncio
import errno
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.ids import new_id
from app.jobs import notifications
from app.jobs.notifications import JOB_CHANGED, listen
from app.redis import EARLY_MAX, RedisAway, Waits, connect_redis, end_task
from app.supervision import supervised
from tests.support.waiting import until
from tests.support.wire import wired


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "LISTEN_S", 0.2)
    monkeypatch.setattr(notifications, "RECONNECT_S", 0.05)


class Ear:
    """Remembers what it heard."""

    def __init__(self) -> None:
        self.heard: set[UUID] = set()

    async def hear(self, job_id: UUID) -> None:
        self.heard.add(job_id)

    async def hears(self, redis: Redis) -> None:
        """Returns once something that is published now is heard."""
        mine = new_id()

        async def is_heard() -> bool:
            await redis.publish(JOB_CHANGED, str(mine))
            return mine in self.heard

        await until(is_heard)


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Ear]:
    """An ear on the Redis of `url`, under the supervisor as in the product."""
    ear = Ear()
    client = connect_redis(url)
    task = supervised("test", partial(listen, client, JOB_CHANGED, ear.hear))
    try:
        yield ear
    finally:
        await end_task(task)
        await client.aclose()


def _connections() -> list[asyncio.StreamReaderProtocol]:
    return [one for one in gc.get_objects() if isinstance(one, asyncio.StreamReaderProtocol)]


async def test_the_loop_goes_on_when_the_kernel_gives_up_on_the_subscription(
    redis: Redis, redis_url: str
) -> None:
    await redis.ping()
    before = _connections()
    async with listening(redis_url) as ear:
        await ear.hears(redis)
        for connection in _connections():
            if connection not in before:
                connection.connection_lost(OSError(errno.ETIMEDOUT, "Connection timed out"))
        await asyncio.sleep(0)  # A loop that spins never comes back here.
        await ear.hears(redis)


async def test_a_subscription_that_is_not_answered_is_made_anew(
    redis: Redis, redis_url: str
) -> None:
    async with wired(redis_url) as wire, listening(wire.url) as ear:
        await ear.hears(redis)
        before = wire.accepted
        wire.fall_silent()
        await until(lambda: wire.accepted > before)
        wire.heal()
        await ear.hears(redis)


async def test_a_half_open_subscription_is_made_anew(redis: Redis, redis_url: str) -> None:
    async with wired(redis_url) as wire, listening(wire.url) as ear:
        await ear.hears(redis)
        wire.forget_connections()
        await ear.hears(redis)


async def test_a_quiet_subscription_is_kept(redis: Redis, redis_url: str) -> None:
    async with wired(redis_url) as wire, listening(wire.url) as ear:
        await ear.hears(redis)
        before = wire.accepted

        async def is_asked_often() -> bool:
            clients = await redis.client_list(_type="pubsub")
            return any(client["cmd"] == "ping" for client in clients)

        await until(is_asked_often)
        await ear.hears(redis)
        assert wire.accepted == before


async def test_waits_that_end_early_with_nothing_are_an_error_of_the_connection() -> None:
    waits = Waits(1_000)
    for _ in range(EARLY_MAX):
        waits.begin()
        await waits.end(is_empty=True)
    waits.begin()
    with pytest.raises(RedisAway):
        await waits.end(is_empty=True)


async def test_waits_that_end_in_time_or_with_something_are_none() -> None:
    late, full = Waits(0), Waits(1_000)
    for _ in range(EARLY_MAX * 2):
        late.begin()
        await late.end(is_empty=True)
        full.begin()
        await full.end(is_empty=False)
