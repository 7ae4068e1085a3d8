"""Redis, which carries expendable things: wake-ups, notifications, limits that processes share.

Everything here may fail at any time; callers treat a RedisError as "not there". Every key and
channel starts with `PREFIX`, so that a user of Redis can be limited to them.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import RedisError

from app import reachability

__all__ = [
    "CONNECTIONS_MAX",
    "PREFIX",
    "SOON_S",
    "RedisAway",
    "RedisError",
    "SoonScript",
    "Waits",
    "connect_redis",
    "end_task",
    "scheduler_mark",
]

PREFIX = "sixfold:"

CONNECTIONS_MAX = 32
CONNECT_TIMEOUT_S = 0.5
REPLY_TIMEOUT_S = 2.0
POOL_WAIT_S = 1.0
CANCEL_AGAIN_S = 0.2
SOON_S = 0.25
"""For the answer that a request waits for."""
AWAY_S = 1.0
EARLY_MAX = 3
"""Waits in a row that may end early with nothing: a confirmation is no message."""


def connect_redis(
    url: str,
    *,
    connections_max: int = CONNECTIONS_MAX,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    reply_timeout_s: float = REPLY_TIMEOUT_S,
) -> Redis:
    """A client for short commands; nothing is connected before the first one.

    A blocking pool: the default one raises at its limit instead of waiting. No retries: a failed
    hint is made up for by the database's poll, a slow one is not.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url,
        max_connections=connections_max,
        timeout=POOL_WAIT_S,
        socket_connect_timeout=connect_timeout_s,
        socket_timeout=reply_timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool)


def scheduler_mark() -> str:
    """The key that the scheduler of this host keeps alive while it sends."""
    return f"{PREFIX}scheduler:{socket.gethostname()}"


class SoonScript:
    """A script whose answer a request waits for: it comes soon, or not at all."""

    def __init__(self, redis: Redis, source: str) -> None:
        self._script = redis.register_script(source)
        self._away_until = 0.0

    async def run(self, keys: Sequence[str], args: Sequence[str | int | float]) -> Any | None:
        """What it returns; None when Redis is away, and then it is not asked for AWAY_S more.

        Whether it ran is then unknown.
        """
        if time.monotonic() < self._away_until:
            return None
        try:
            told: Any = await self._script(keys=keys, args=args)
        except (RedisError, OSError, TimeoutError) as error:
            reachability.redis.lost(error)
            self._away_until = time.monotonic() + AWAY_S
            return None
        return told


class Waits:
    """Tells a wait that nothing ended from an error that the client takes for one.

    The end of a dead connection is ETIMEDOUT, which is a TimeoutError: redis-py then says "no
    message" at once, each time it is asked, without a turn for any other task.
    """

    def __init__(self, wait_s: float) -> None:
        """`wait_s` is how long a wait lasts when nothing comes."""
        self._wait_s = wait_s
        self._asked_at = 0.0
        self._early = 0

    def begin(self) -> None:
        """The client is asked now."""
        self._asked_at = time.monotonic()

    async def end(self, *, is_empty: bool) -> None:
        """It answered. Raises RedisAway when it says "nothing" too early, EARLY_MAX times."""
        is_early = is_empty and time.monotonic() - self._asked_at < self._wait_s / 2
        self._early = self._early + 1 if is_early else 0
        if self._early > EARLY_MAX:
            raise RedisAway("the connection ended, and the client hides it")
        if is_early:
            await asyncio.sleep(0)


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancels a task that waits for Redis until it has ended.

    Once is not enough: at times redis-py takes a cancellation for a timeout, and a task that reads
    in a loop then goes on reading, and its process never ends.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
