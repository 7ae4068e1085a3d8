"""A world to try a step on, its connections through a proxy that can lose them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from app import faults
from app.db import close_engine, open_engine
from app.logging import configure_logging
from tests.faults.world import Shared, World
from tests.faults.zygote import Zygote
from tests.support.environment import create_database
from tests.support.proxy import Proxy, proxied


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    """The coloured tracebacks of a developer's console take a second each."""
    configure_logging(json=True)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(scope="session")
def shared() -> Shared:
    return Shared()


@pytest.fixture
async def shared_url(shared: Shared) -> str:
    if not shared.is_clean:
        shared.url = await create_database()
    shared.is_clean = False
    return shared.url


@pytest.fixture
async def shared_proxy(shared_url: str) -> AsyncIterator[Proxy]:
    """The engine is open on the shared database, through the proxy."""
    async with _engine_through_proxy(shared_url) as proxy:
        yield proxy


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """The engine is open on this test's database, through the proxy."""
    async with _engine_through_proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
async def world(shared_proxy: Proxy, shared: Shared, redis: Redis) -> AsyncIterator[World]:
    sql = await asyncpg.connect(shared.url)
    yield World(shared.url, redis, sql, f"user-{uuid4()}")
    await sql.close()


@asynccontextmanager
async def _engine_through_proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with proxied(database_url) as proxy:
        await open_engine(proxy.url)
        yield proxy
        faults.hook = None
        await close_engine()
