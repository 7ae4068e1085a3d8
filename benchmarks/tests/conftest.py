"""The fixtures of the product's tests: real PostgreSQL and Valkey, a fresh database a test."""

import os
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from benchmarks.contestant import Job, Load
from benchmarks.seed import SMALL_CHAT, encoded_chat, release_jobs, seed_chats, seed_jobs
from tests.support.environment import MASTER_KEY, POSTGRES, TEMPLATE, url_of

pytest_plugins = ["tests.conftest"]

JOBS = 3


@pytest.fixture
async def other_database_url() -> AsyncIterator[str]:
    """A second fresh database, beside that of the test."""
    name = f"o_{uuid4().hex}"
    server = await asyncpg.connect(os.environ[POSTGRES])
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield url_of(name)
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def jobs(connection: asyncpg.Connection) -> list[Job]:
    """Three queued jobs, of a user and a chat each."""
    chats = await seed_chats(connection, MASTER_KEY, encoded_chat(SMALL_CHAT), users=JOBS)
    seeded = await seed_jobs(connection, chats)
    await release_jobs(connection, seeded)
    return seeded


@pytest.fixture
def load() -> Load:
    """No waiting."""
    return Load(llm_s=0, llm_spread_s=0, seed=1)
