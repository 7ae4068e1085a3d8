"""Taskiq with its stock broker on Redis Streams: the product's queue, another body."""

from collections.abc import Callable, Sequence

from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from benchmarks.bare.body import Body
from benchmarks.contestant import Job
from benchmarks.peers.interface import REDIS_CONNECTIONS_MAX, PeerSetup, run_job, some_at_once

QUEUE = "peer"


async def prepare(setup: PeerSetup) -> None:
    """Nothing: its keys come to be."""


async def work(setup: PeerSetup, ready: Callable[[], None]) -> None:
    body = await Body.open(setup.body)
    broker = _broker(setup)

    @broker.task(task_name="insights")
    async def insights(user_id: str, job_id: str) -> None:
        await run_job(body, user_id, job_id)

    broker.is_worker_process = True
    await broker.startup()
    ready()
    await run_receiver_task(broker, max_async_tasks=setup.in_flight)


async def send(setup: PeerSetup, jobs: Sequence[Job]) -> None:
    broker = _broker(setup)

    @broker.task(task_name="insights")
    async def insights(user_id: str, job_id: str) -> None:
        """Only its name is sent."""

    await broker.startup()
    try:
        await some_at_once(insights.kiq, jobs)
    finally:
        await broker.shutdown()


def _broker(setup: PeerSetup) -> RedisStreamBroker:
    # From the beginning of the stream: what was sent before the group existed counts too.
    return RedisStreamBroker(
        setup.redis_url,
        queue_name=QUEUE,
        consumer_id="0",
        max_connection_pool_size=REDIS_CONNECTIONS_MAX,
    )
