import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from redis.asyncio import Redis

from app.ids import new_id
from app.jobs.cancel import cancel_job
from app.jobs.notifications import JOB_CANCELLED, JOB_CHANGED, Notifications, listen
from app.redis import end_task
from tests.support.jobs import MakeEngine, ScriptedGenerator, job_row, unlock
from tests.support.redis_connections import connections, cut_connections
from tests.support.waiting import until

Hear = Callable[[UUID], Awaitable[None]]


@asynccontextmanager
async def listening(redis: Redis, channel: str, hear: Hear) -> AsyncIterator[None]:
    """While the block runs, what is announced on the channel is heard."""
    task = asyncio.create_task(listen(redis, channel, hear))

    async def is_subscribed() -> bool:
        # Not by PUBSUB NUMSUB: channels have no database, and other tests listen too.
        return any(int(one["sub"]) for one in await connections(redis, kind="pubsub"))

    try:
        await until(is_subscribed)
        yield
    finally:
        await end_task(task)


class Ear:
    """Remembers what it heard."""

    def __init__(self) -> None:
        self.heard: list[UUID] = []

    async def hear(self, job_id: UUID) -> None:
        self.heard.append(job_id)


async def test_a_listener_hears_of_every_change_of_a_job(
    chat: UUID, make_engine: MakeEngine, redis: Redis
) -> None:
    ear = Ear()
    async with listening(redis, JOB_CHANGED, ear.hear):
        unlocked = await unlock("alice", chat)
        await make_engine().run_job("alice", unlocked.job_id)
        # Claimed and settled; what comes between may come together with either.
        await until(lambda: ear.heard.count(unlocked.job_id) >= 2)


async def test_a_cancelled_job_stops_on_its_worker_long_before_the_heartbeat(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, redis: Redis
) -> None:
    generator.gate = asyncio.Event()
    job_engine = make_engine(heartbeat_s=1_000)
    async with listening(redis, JOB_CANCELLED, job_engine.recheck):
        unlocked = await unlock("alice", chat)
        running = asyncio.create_task(job_engine.run_job("alice", unlocked.job_id))
        await until(lambda: len(generator.calls) == 6)

        await job_engine.recheck(unlocked.job_id)  # A false alarm stops nothing.
        assert not running.done()

        await cancel_job("alice", unlocked.job_id)
        Notifications(redis).cancelled([unlocked.job_id])
        async with asyncio.timeout(60):
            await running
    assert (await job_row("alice", unlocked.job_id)).state == "cancelled"


async def test_without_redis_a_notification_is_dropped() -> None:
    async with Redis(host="127.0.0.1", port=9) as absent:
        notifications = Notifications(absent)
        notifications.changed([new_id()])
        await notifications.close()


async def test_a_listener_finds_back_after_its_connection_was_cut(redis: Redis) -> None:
    ear, notifications, mine = Ear(), Notifications(redis), new_id()

    def is_heard() -> bool:
        notifications.changed([mine])
        return mine in ear.heard

    async with listening(redis, JOB_CHANGED, ear.hear):
        await cut_connections(redis, kind="pubsub")
        await until(is_heard)
