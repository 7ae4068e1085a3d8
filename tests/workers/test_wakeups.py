import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from app.ids import new_id
from workers import tasks
from workers.broker import QUEUE
from workers.tasks import WAKE_TIMEOUT_S, close_wakeups, open_wakeups, wake_worker


@asynccontextmanager
async def wakeups(redis_url: str) -> AsyncIterator[None]:
    open_wakeups(redis_url)
    try:
        yield
    finally:
        await close_wakeups()


async def test_wake_ups_of_one_moment_all_arrive(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "WAKE_TIMEOUT_S", 60)  # However slow this machine is.
    jobs = [new_id() for _ in range(20)]
    async with wakeups(redis_url):
        await asyncio.gather(*(wake_worker("alice", job_id) for job_id in jobs))
    sent = b" ".join(fields[b"data"] for _, fields in await redis.xrange(QUEUE))
    assert [job_id for job_id in jobs if str(job_id).encode() not in sent] == []


@pytest.mark.parametrize("answers", [False, True])
async def test_without_redis_waking_gives_up_soon_and_says_nothing(answers: bool) -> None:
    """Also where something accepts the connection and then never answers."""
    held: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1] if answers else 9
    try:
        async with asyncio.timeout(40 * WAKE_TIMEOUT_S), wakeups(f"redis://127.0.0.1:{port}/0"):
            await asyncio.gather(*(wake_worker("alice", new_id()) for _ in range(30)))
    finally:
        for writer in held:
            writer.close()
        silent.close()
