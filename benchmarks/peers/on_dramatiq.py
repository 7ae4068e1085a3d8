"""Dramatiq: a queue on Redis whose threads hand async actors to one event loop."""

import asyncio
from collections.abc import Callable, Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO

from benchmarks.bare.body import Body
from benchmarks.contestant import Job
from benchmarks.peers.interface import REDIS_CONNECTIONS_MAX, PeerSetup, run_job


async def prepare(setup: PeerSetup) -> None:
    """Nothing: its keys come to be."""


async def work(setup: PeerSetup, ready: Callable[[], None]) -> None:
    broker = _broker(setup)
    broker.add_middleware(AsyncIO())
    opening = asyncio.Lock()
    bodies: list[Body] = []

    @dramatiq.actor(actor_name="insights", broker=broker, max_retries=0)
    async def insights(user_id: str, job_id: str) -> None:
        async with opening:  # On the loop of the actors, which is not this one.
            if not bodies:
                bodies.append(await Body.open(setup.body))
        await run_job(bodies[0], user_id, job_id)

    worker = dramatiq.Worker(broker, worker_threads=setup.in_flight)
    worker.start()
    ready()
    try:
        await asyncio.Event().wait()
    finally:
        worker.stop()


async def send(setup: PeerSetup, jobs: Sequence[Job]) -> None:
    broker = _broker(setup)
    broker.declare_queue("default")
    for user_id, job_id in jobs:
        broker.enqueue(
            dramatiq.Message(
                queue_name="default",
                actor_name="insights",
                args=(user_id, str(job_id)),
                kwargs={},
                options={},
            )
        )
    broker.close()


def _broker(setup: PeerSetup) -> RedisBroker:
    return RedisBroker(url=setup.redis_url, max_connections=REDIS_CONNECTIONS_MAX)
