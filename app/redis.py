"""Redis, which carries three expendable things: wake-ups, notifications, cached contexts.

Everything here may fail at any time; callers treat a RedisError as "not there". Every key and
channel starts with `PREFIX`, so that a user of Redis can be limited to them.
"""

import asyncio
import socket
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

__all__ = ["CONNECTIONS_MAX", "PREFIX", "RedisError", "connect_redis", "end_task", "scheduler_mark"]

PREFIX = "sixfold:"

CONNECTIONS_MAX = 32
CONNECT_TIMEOUT_S = 0.5
REPLY_TIMEOUT_S = 2.0
POOL_WAIT_S = 1.0
CANCEL_AGAIN_S = 0.2


def connect_redis(url: str) -> Redis:
    """A client for short commands; nothing is connected before the first one.

    A blocking pool: the default one raises at its limit instead of waiting. No retries: a failed
    hint is made up for by the database's poll, a slow one is not.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=POOL_WAIT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=REPLY_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
    return Redis(connection_pool=pool)


def scheduler_mark() -> str:
    """The key that the scheduler of this host keeps alive while it sends."""
    return f"{PREFIX}scheduler:{socket.gethostname()}"


async def end_task(task: asyncio.Task[Any]) -> None:
    """Cancels a task that waits for Redis until it has ended.

    Once is not enough: at times redis-py takes a cancellation for a timeout, and a task that reads
    in a loop then goes on reading, and its process never ends.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
