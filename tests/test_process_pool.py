"""Processes that compute for this one, whatever becomes of them."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app import process_pool
from app.chats.blocks import encode_block
from app.process_pool import ProcessFailed, ProcessPool
from tests.support.jobs import small_chat

MODULE = "app.generation.preparing_process"
UNKNOWN = [b"{}"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """The processes that pools have started."""
    started: list[Process] = []
    start = asyncio.create_subprocess_exec

    async def noted(*arguments: Any, **options: Any) -> Process:
        started.append(await start(*arguments, **options))
        return started[-1]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    return started


def pids(started: list[Process]) -> list[int]:
    """Of those that have not ended."""
    return [one.pid for one in started if one.returncode is None]


@pytest.fixture
async def pool(started: list[Process]) -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(MODULE, 1)
    yield pool
    await pool.close()


async def asked(pool: ProcessPool) -> list[bytes]:
    return await pool.ask([encode_block(small_chat())], within_s=60)


async def test_a_failure_says_where_and_the_next_request_is_answered(pool: ProcessPool) -> None:
    with pytest.raises(ProcessFailed, match=r"KeyError at .*blocks\.py:\d+"):
        await pool.ask(UNKNOWN, within_s=60)
    assert b"friendship" in (await asked(pool))[0]


async def test_a_process_that_is_killed_is_replaced(
    pool: ProcessPool, started: list[Process]
) -> None:
    await asked(pool)
    (pid,) = pids(started)
    os.kill(pid, signal.SIGSTOP)  # It takes the next request, and does not answer.
    asking = asyncio.create_task(pool.ask(UNKNOWN, within_s=60))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ProcessFailed):
        await asking
    await asked(pool)
    assert pids(started) != [pid]


async def test_one_that_takes_too_long_is_ended(pool: ProcessPool, started: list[Process]) -> None:
    await asked(pool)
    (pid,) = pids(started)
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await pool.ask(UNKNOWN, within_s=0.1)
    assert pids(started) == []


async def test_an_idle_process_ends(
    pool: ProcessPool, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "IDLE_S", 0)
    await asked(pool)
    async with asyncio.timeout(60):
        while True:
            if not pids(started):
                break
            await asyncio.sleep(0.01)


async def test_after_a_large_request_the_memory_is_given_back(
    pool: ProcessPool, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "KEPT_BYTES_MAX", 5)
    await asked(pool)
    assert pids(started) == []
