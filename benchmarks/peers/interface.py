"""What the benchmark asks of a queue library, and what it tells it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from redis.asyncio import Redis

from benchmarks.bare.body import Body, BodySetup
from benchmarks.contestant import Job

REDIS_CONNECTIONS_MAX = 1_000
"""redis-py 8 raises at 100 by default: each of 64 waiting workers of SAQ holds one, and more."""
SENDING_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class PeerSetup:
    """`in_flight` jobs at once in the one worker process."""

    body: BodySetup
    redis_url: str
    in_flight: int


class Library(Protocol):
    """A module of this package: a worker and a sender by one library."""

    async def prepare(self, setup: PeerSetup) -> None:
        """What must exist before workers and senders."""
        ...

    async def work(self, setup: PeerSetup, ready: Callable[[], None]) -> None:
        """Runs jobs until it is cancelled or its process ended; `ready` once it is about to."""
        ...

    async def send(self, setup: PeerSetup, jobs: Sequence[Job]) -> None:
        """Queues the jobs, by the library's own means."""
        ...


async def run_job(body: Body, user_id: str, job_id: str) -> None:
    """The task, which is the same in all libraries."""
    await body.run_job((user_id, UUID(job_id)))


@asynccontextmanager
async def redis_of(setup: PeerSetup) -> AsyncGenerator[Redis]:
    async with Redis.from_url(
        setup.redis_url, max_connections=REDIS_CONNECTIONS_MAX, socket_timeout=None
    ) as redis:
        yield redis


async def some_at_once(send: Callable[[str, str], Awaitable[object]], jobs: Sequence[Job]) -> None:
    """Sends every job by a call of its own, a bounded number at a time."""
    waiting = iter(jobs)

    async def send_each() -> None:
        for user_id, job_id in waiting:
            await send(user_id, str(job_id))

    await asyncio.gather(*(send_each() for _ in range(SENDING_AT_ONCE)))
