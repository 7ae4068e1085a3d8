"""A Redis that answers and refuses: a replica, a full one, one with another password."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from redis.asyncio import Redis


@asynccontextmanager
async def read_only(url: str) -> AsyncGenerator[None]:
    """A replica whose master is away."""
    async with Redis.from_url(url) as redis:
        await redis.replicaof("127.0.0.1", 1)
        try:
            yield
        finally:
            await redis.replicaof("NO", "ONE")


@asynccontextmanager
async def full(url: str) -> AsyncGenerator[None]:
    async with Redis.from_url(url) as redis:
        before = await redis.config_get("maxmemory*")
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.config_set("maxmemory", 1)
        try:
            yield
        finally:
            await redis.config_set("maxmemory", before["maxmemory"])
            await redis.config_set("maxmemory-policy", before["maxmemory-policy"])


@asynccontextmanager
async def other_password(url: str) -> AsyncGenerator[None]:
    """Connections that have logged in stay logged in: they are ended."""
    async with Redis.from_url(url) as redis, redis.client() as admin:
        before = await admin.config_get("requirepass")
        await admin.config_set("requirepass", "another one")
        for kind in ("normal", "pubsub"):
            await admin.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        try:
            yield
        finally:
            await admin.config_set("requirepass", before["requirepass"])
