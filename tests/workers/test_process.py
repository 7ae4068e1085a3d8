"""A worker process closes what it has opened, whatever fails on the way."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from taskiq import TaskiqState

import workers.process
from app.db import close_engine, lone_read
from app.jobs.engine import JobEngine
from tests.support.environment import AUTH_SECRET, MASTER_KEY
from workers.process import start_worker, stop_worker


class NotDraining(JobEngine):
    async def drain(self) -> None:
        await super().drain()
        raise OSError("the drain failed")


class NotStarting(JobEngine):
    def start(self) -> None:
        super().start()
        raise OSError("the start failed")


@pytest.fixture
async def environment(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """The settings of a worker on this test's database and Redis."""
    given = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "MASTER_KEY": MASTER_KEY,
        "AUTH_SECRET": AUTH_SECRET,
        "LOG_LEVEL": "WARNING",
    }
    for name, value in given.items():
        monkeypatch.setenv(f"SIXFOLD_{name}", value)
    yield
    await close_engine()


async def assert_nothing_is_open(redis: Redis) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        async with lone_read():
            """The engine of the database is closed."""
    assert asyncio.all_tasks() == {asyncio.current_task()}
    clients: list[dict[str, Any]] = await redis.client_list()
    number = str(redis.connection_pool.connection_kwargs["db"])
    # The connection that asks is the only one that is left of this process.
    assert len([client for client in clients if client["db"] == number]) == 1


async def test_a_worker_closes_all_that_it_opened(environment: None, redis: Redis) -> None:
    state = TaskiqState()
    await start_worker(state)
    await stop_worker(state)
    await assert_nothing_is_open(redis)


async def test_a_start_that_fails_leaves_nothing_open(
    environment: None, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.process, "JobEngine", NotStarting)
    state = TaskiqState()
    with pytest.raises(OSError, match="the start failed"):
        await start_worker(state)
    await assert_nothing_is_open(redis)
    await stop_worker(state)


async def test_a_drain_that_fails_keeps_nothing_else_open(
    environment: None, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers.process, "JobEngine", NotDraining)
    state = TaskiqState()
    await start_worker(state)
    with pytest.raises(OSError, match="the drain failed"):
        await stop_worker(state)
    await assert_nothing_is_open(redis)


@pytest.mark.parametrize("module", ["app.main", "workers.tasks", "workers.scheduler"])
def test_a_process_without_a_provider_loads_neither_its_sdk_nor_a_client(module: str) -> None:
    """They take a second, and 15 MB of every process."""
    told = f"import sys, {module}; print(*{{'openai', 'httpx2'}} & set(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, check=True, text=True
    )
    assert loaded.stdout == "\n"
