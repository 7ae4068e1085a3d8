"""How many streams a user has open, over processes, and how long a stream lives."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from app.api.stream_places import STREAMS_MAX, StreamPlaces, TooManyStreams
from app.redis import PREFIX, connect_redis
from app.settings import Settings
from app.users.auth import issue_token
from tests.support.api import Client, unlock
from tests.support.raw_http import Connection, serving, told
from tests.support.waiting import until

DEADLINE_S = 60
ALICE = f"{PREFIX}streams:alice"


@asynccontextmanager
async def places(redis: Redis, **options: Any) -> AsyncIterator[StreamPlaces]:
    """Those of one process."""
    made = StreamPlaces(redis, **options)
    try:
        yield made
    finally:
        await made.close()


async def has_none(redis: Redis) -> bool:
    return await redis.exists(ALICE) == 0


@pytest.fixture
async def port(app: FastAPI) -> AsyncGenerator[int]:
    async with serving(app) as port:
        yield port


def asked(settings: Settings, path: str, *, ttl_s: float = 600) -> bytes:
    token = issue_token(settings, "alice", [], ttl_s=ttl_s)
    return f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


async def test_places_are_counted_over_processes(redis: Redis) -> None:
    async with places(redis, at_most=3) as first, places(redis, at_most=3) as second:
        async with first.of("alice"), second.of("alice"), first.of("alice"):
            for process in (first, second):
                with pytest.raises(TooManyStreams):
                    await process.of("alice").__aenter__()
            async with second.of("bob"):
                pass
        await until(partial(has_none, redis))
        async with second.of("alice"), second.of("alice"), second.of("alice"):
            pass


async def test_what_is_given_back_leaves_nothing_behind(redis: Redis) -> None:
    async with places(redis) as process:
        async with process.of("alice"):
            assert await redis.zcard(ALICE) == 1
        await until(partial(has_none, redis))


async def test_places_that_redis_has_lost_are_told_to_it_again(redis: Redis) -> None:
    async with places(redis, at_most=2, renew_s=0.01) as process, process.of("alice"):
        await redis.flushdb()

        async def is_back() -> bool:
            return await redis.zcard(ALICE) == 1

        await until(is_back)


async def test_without_redis_each_process_counts_its_own() -> None:
    async with connect_redis("redis://127.0.0.1:1/0") as away, places(away, at_most=2) as process:
        async with process.of("alice"), process.of("alice"):
            with pytest.raises(TooManyStreams):
                await process.of("alice").__aenter__()
        async with process.of("alice"):
            pass


async def test_a_user_has_twenty_streams_and_no_more(
    settings: Settings, alice: Client, chat_id: str, port: int
) -> None:
    events = (await unlock(alice, chat_id)).json()["links"]["events"]
    async with AsyncExitStack() as stack, asyncio.timeout(DEADLINE_S):
        streams = [await stack.enter_async_context(Connection(port)) for _ in range(STREAMS_MAX)]
        for stream in streams:
            await stream.send(asked(settings, events))
            assert (await stream.head())[0] == 200
        async with Connection(port) as other:
            await other.send(asked(settings, events))
            refused = await other.answer()
        assert refused is not None
        assert (refused.status, refused.code) == (429, "too_many_streams")
        assert int(refused.headers["retry-after"]) >= 1
        streams[0].leave()

        async def is_free() -> bool:
            async with Connection(port) as other:
                await other.send(asked(settings, events))
                return (await other.head())[0] == 200

        await until(is_free)


async def test_a_stream_ends_with_its_token(
    settings: Settings, alice: Client, chat_id: str, port: int
) -> None:
    events = (await unlock(alice, chat_id)).json()["links"]["events"]
    async with asyncio.timeout(DEADLINE_S), Connection(port) as stream:
        await stream.send(asked(settings, events, ttl_s=2))
        assert (await stream.head())[0] == 200
        assert (await stream.rest_of_chunks()).startswith(b"event: snapshot\n")
    (late,) = await told(
        port, asked(settings, events, ttl_s=-1)[:-2] + b"Connection: close\r\n\r\n"
    )
    assert late.status == 401
