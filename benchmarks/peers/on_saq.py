"""SAQ: an async queue on Redis."""

from collections.abc import Callable, Sequence
from typing import Any

from saq import Queue, Worker
from saq.queue.redis import RedisQueue

from benchmarks.bare.body import Body
from benchmarks.contestant import Job
from benchmarks.peers.interface import PeerSetup, redis_of, run_job, some_at_once

TIMEOUT_S = 120


async def prepare(setup: PeerSetup) -> None:
    """Nothing: its keys come to be."""


async def work(setup: PeerSetup, ready: Callable[[], None]) -> None:
    body = await Body.open(setup.body)

    async def insights(ctx: Any, *, user_id: str, job_id: str) -> None:
        await run_job(body, user_id, job_id)

    async def started(ctx: Any) -> None:
        ready()

    async with redis_of(setup) as redis:
        queue: Queue = RedisQueue(redis)
        await Worker(
            queue, [("insights", insights)], concurrency=setup.in_flight, startup=started
        ).start()


async def send(setup: PeerSetup, jobs: Sequence[Job]) -> None:
    async with redis_of(setup) as redis:
        queue = RedisQueue(redis)

        async def enqueue(user_id: str, job_id: str) -> object:
            return await queue.enqueue(
                "insights", user_id=user_id, job_id=job_id, timeout=TIMEOUT_S
            )

        await some_at_once(enqueue, jobs)
