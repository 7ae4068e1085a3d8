import asyncio
from uuid import UUID

from redis.asyncio import Redis

from app.ids import new_id
from app.insights.cancel import cancel_job
from app.insights.nudges import JOB_CANCELLED, JOB_CHANGED, Nudges, listen
from app.redis import end_task
from tests.insights.conftest import MakeEngine, ScriptedGenerator, job_row, unlock, until
from tests.redis_cuts import cut_connections


async def _listening(redis: Redis, channel: str) -> tuple[list[UUID], asyncio.Task[None]]:
    heard: list[UUID] = []

    async def hear(job_id: UUID) -> None:
        heard.append(job_id)

    task = asyncio.create_task(listen(redis, channel, hear))

    async def is_subscribed() -> bool:
        return bool((await redis.pubsub_numsub(channel))[0][1])

    await until(is_subscribed)
    return heard, task


async def test_a_listener_hears_of_every_change_of_a_job(
    chat: UUID, make_engine: MakeEngine, redis: Redis
) -> None:
    heard, task = await _listening(redis, JOB_CHANGED)
    unlocked = await unlock("alice", chat)
    await make_engine().run_job("alice", unlocked.job_id)
    # Claimed and settled; what comes between may come together with either. Channels are not
    # bound to a database: what other tests announce is heard too.
    await until(lambda: heard.count(unlocked.job_id) >= 2)
    await end_task(task)


async def test_a_cancelled_job_stops_on_its_worker_long_before_the_heartbeat(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, redis: Redis
) -> None:
    generator.gate = asyncio.Event()
    job_engine = make_engine(heartbeat_s=1_000)
    task = asyncio.create_task(listen(redis, JOB_CANCELLED, job_engine.recheck))
    unlocked = await unlock("alice", chat)
    running = asyncio.create_task(job_engine.run_job("alice", unlocked.job_id))
    await until(lambda: len(generator.calls) == 6)

    await job_engine.recheck(unlocked.job_id)  # A false alarm stops nothing.
    assert not running.done()

    await cancel_job("alice", unlocked.job_id)
    nudges = Nudges(redis)
    nudges.cancelled([unlocked.job_id])
    async with asyncio.timeout(60):
        await running
    assert (await job_row("alice", unlocked.job_id)).state == "cancelled"
    await end_task(task)


async def test_without_redis_a_nudge_is_dropped_and_nobody_waits() -> None:
    async with Redis(host="127.0.0.1", port=9) as absent:
        nudges = Nudges(absent)
        nudges.changed([new_id()])
        await nudges.close()


async def test_a_listener_finds_back_after_its_connection_was_cut(redis: Redis) -> None:
    heard, task = await _listening(redis, JOB_CHANGED)
    await cut_connections(redis, kind="pubsub")

    async def is_heard() -> bool:
        Nudges(redis).changed([new_id()])
        await asyncio.sleep(0.05)
        return bool(heard)

    await until(is_heard)
    await end_task(task)
