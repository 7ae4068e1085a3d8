"""Processes that compute for this one, whatever becomes of them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from app import process_pool
from app.chats.blocks import encode_block
from app.process_pool import ProcessFailed, ProcessPool
from tests.support.jobs import small_chat

MODULE = "app.generation.preparing_process"
UNKNOWN = [b"{}"]


@pytest.fixture
async def pool() -> AsyncIterator[ProcessPool]:
    pool = ProcessPool(MODULE, 1)
    yield pool
    await pool.close()


async def asked(pool: ProcessPool) -> list[bytes]:
    return await pool.ask([encode_block(small_chat())], within_s=60)


def pids() -> list[int]:
    """The processes of MODULE that this one has started."""
    children = f"/proc/self/task/{os.getpid()}/children"
    with open(children) as listed:
        found = [int(pid) for pid in listed.read().split()]
    return [pid for pid in found if MODULE.encode() in _arguments(pid)]


def _arguments(pid: int) -> list[bytes]:
    with open(f"/proc/{pid}/cmdline", "rb") as line:
        return line.read().split(b"\0")


linux_only = pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="reads /proc")


async def test_a_failure_says_where_and_the_next_request_is_answered(pool: ProcessPool) -> None:
    with pytest.raises(ProcessFailed, match=r"KeyError at .*blocks\.py:\d+"):
        await pool.ask(UNKNOWN, within_s=60)
    assert b"friendship" in (await asked(pool))[0]


@linux_only
async def test_a_process_that_is_killed_is_replaced(pool: ProcessPool) -> None:
    await asked(pool)
    (pid,) = pids()
    os.kill(pid, signal.SIGSTOP)  # It takes the next request, and does not answer.
    asking = asyncio.create_task(pool.ask(UNKNOWN, within_s=60))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ProcessFailed):
        await asking
    await asked(pool)
    assert pids() != [pid]


@linux_only
async def test_one_that_takes_too_long_is_ended(pool: ProcessPool) -> None:
    await asked(pool)
    (pid,) = pids()
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await pool.ask(UNKNOWN, within_s=0.1)
    assert pids() == []


@linux_only
async def test_an_idle_process_ends(pool: ProcessPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_pool, "IDLE_S", 0)
    await asked(pool)
    async with asyncio.timeout(60):
        while True:
            if not pids():
                break
            await asyncio.sleep(0.01)


@linux_only
async def test_after_a_large_request_the_memory_is_given_back(
    pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_pool, "KEPT_BYTES_MAX", 5)
    await asked(pool)
    assert pids() == []
