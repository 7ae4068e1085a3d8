"""ARQ: an async queue on Redis, which polls a sorted set."""

from collections.abc import Callable, Sequence
from typing import Any

from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool

from benchmarks.bare.body import Body
from benchmarks.contestant import Job
from benchmarks.peers.interface import REDIS_CONNECTIONS_MAX, PeerSetup, run_job, some_at_once

POLL_S = 0.05
"""In its favour: by default it looks for new jobs every half second."""


async def prepare(setup: PeerSetup) -> None:
    """Nothing: its keys come to be."""


async def work(setup: PeerSetup, ready: Callable[[], None]) -> None:
    body = await Body.open(setup.body)

    async def insights(ctx: Any, user_id: str, job_id: str) -> None:
        await run_job(body, user_id, job_id)

    async def started(ctx: Any) -> None:
        ready()

    worker = Worker(
        [func(insights, name="insights")],
        redis_pool=_redis(setup),
        on_startup=started,
        max_jobs=setup.in_flight,
        poll_delay=POLL_S,
        keep_result=0,  # In its favour: nobody reads one.
        handle_signals=False,
    )
    await worker.async_run()


async def send(setup: PeerSetup, jobs: Sequence[Job]) -> None:
    redis = _redis(setup)
    try:

        async def enqueue(user_id: str, job_id: str) -> object:
            return await redis.enqueue_job("insights", user_id, job_id)

        await some_at_once(enqueue, jobs)
    finally:
        await redis.aclose(close_connection_pool=True)


def _redis(setup: PeerSetup) -> ArqRedis:
    # Its own `create_pool` says what redis-py 8 has deprecated.
    return ArqRedis(ConnectionPool.from_url(setup.redis_url, max_connections=REDIS_CONNECTIONS_MAX))
