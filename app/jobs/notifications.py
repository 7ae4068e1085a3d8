"""Notifications: telling other processes through Redis that a job changed or was cancelled.

A notification carries an id and no truth: its listener reads the database. Lost ones cost latency
only, so nothing here ever raises or makes its caller wait.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, suppress
from itertools import islice
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from app import reachability
from app.redis import PREFIX, RedisAway, RedisError, Waits
from app.supervision import supervised

JOB_CHANGED = f"{PREFIX}job-changed"
JOB_CANCELLED = f"{PREFIX}job-cancelled"

WAITING_MAX = 10_000
"""Notifications kept while Redis is slow; beyond that they are dropped."""
TOGETHER_MAX = 500
"""Jobs named by one message: a command for each would cost more than all else here."""
LISTEN_S = 2.0
"""After so long without a message a ping is sent."""
PINGS_MAX = 3
RECONNECT_S = 1.0


class Notifications:
    """Publishes on the running loop: one pipelined flush at a time, of all that is waiting."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[tuple[str, UUID]] = []
        self._flushing: asyncio.Task[None] | None = None

    def changed(self, job_ids: Iterable[UUID]) -> None:
        """These jobs have a new version."""
        for job_id in job_ids:
            self._add(JOB_CHANGED, job_id)

    def cancelled(self, job_ids: Iterable[UUID]) -> None:
        """These jobs were withdrawn: a worker that runs one stops it."""
        for job_id in job_ids:
            self._add(JOB_CANCELLED, job_id)
            self._add(JOB_CHANGED, job_id)

    async def close(self) -> None:
        """Waits for the flush that is under way."""
        if self._flushing is not None:
            await asyncio.wait({self._flushing})

    def _add(self, channel: str, job_id: UUID) -> None:
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append((channel, job_id))
        if self._flushing is None or self._flushing.done():
            self._flushing = supervised("notifications", self._flush)

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for channel, message in _messages(batch):
                        pipeline.publish(channel, message)  # pyright: ignore[reportUnknownMemberType]
                    await pipeline.execute()
                reachability.redis.found()
            except (RedisError, OSError, TimeoutError) as error:
                reachability.redis.lost(error)


def _messages(notifications: list[tuple[str, UUID]]) -> Iterator[tuple[str, str]]:
    """The channel and the text of each message: job ids with spaces between them."""
    of_channel: dict[str, dict[UUID, None]] = {}
    for channel, job_id in notifications:
        of_channel.setdefault(channel, {})[job_id] = None
    for channel, jobs in of_channel.items():
        waiting = iter(jobs)
        while together := list(islice(waiting, TOGETHER_MAX)):
            yield channel, " ".join(map(str, together))


async def listen(redis: Redis, channel: str, on_job: Callable[[UUID], Awaitable[None]]) -> None:
    """Calls `on_job` with each job named on `channel`, for ever; reconnects when Redis is away."""

    async def on_message(message: bytes) -> None:
        for name in message.split():
            with suppress(ValueError):  # Not from us: ignored.
                await on_job(UUID(name.decode()))

    await listen_to(redis, channel, on_message)


async def listen_to(
    redis: Redis, channel: str, on_message: Callable[[bytes], Awaitable[None]]
) -> None:
    """Calls `on_message` with each message on `channel`, for ever; reconnects when Redis is
    away."""
    while True:
        try:
            subscribing: Any = redis.pubsub(ignore_subscribe_messages=True)  # pyright: ignore[reportUnknownMemberType]
            async with subscribing as subscription:
                await subscription.subscribe(channel)
                async with aclosing(_messages_of(subscription)) as messages:
                    async for message in messages:
                        await on_message(message)
        except (RedisError, OSError, TimeoutError) as error:
            reachability.redis.lost(error)
            await asyncio.sleep(RECONNECT_S)


async def _messages_of(subscription: Any) -> AsyncGenerator[bytes]:
    """What is published, as it comes. Raises RedisAway when the server does not answer pings.

    A network that drops packets ends no connection: without pings the end of a subscription
    would show only when the kernel gives up on it.
    """
    waits, unanswered = Waits(LISTEN_S), 0
    while True:
        waits.begin()
        message = await subscription.get_message(timeout=LISTEN_S)
        await waits.end(is_empty=message is None)
        if message is not None:
            unanswered = 0
            if message["type"] == "message":
                yield message["data"]
        elif unanswered == PINGS_MAX:
            raise RedisAway(f"{PINGS_MAX} pings were not answered")
        else:
            unanswered += 1
            await subscription.ping()
