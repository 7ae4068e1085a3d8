"""How often a user may ask, over processes, and what the answers say of it."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from redis.asyncio import Redis

from app.api.rate_limit import USERS_MAX, Quota, RateLimits
from app.main import create_app
from app.redis import PREFIX, connect_redis
from app.settings import Settings
from app.users.auth import issue_token
from tests.support.api import Client, refusal
from tests.support.wire import wired

PER_MINUTE = 3


def shared(redis: Redis) -> RateLimits:
    limits = RateLimits(per_minute=PER_MINUTE)
    limits.share(redis)
    return limits


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[Client]:
    """A client of an API where three requests a minute are allowed."""
    app = create_app(settings.model_copy(update={"requests_per_minute": PER_MINUTE}))
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://a") as client,
    ):
        yield client


async def ask(client: Client, settings: Settings, user_id: str) -> httpx2.Response:
    token = issue_token(settings, user_id, [], ttl_s=60)
    return await client.get("/api/categories", headers={"authorization": f"Bearer {token}"})


async def test_every_answer_says_what_is_left_and_a_refusal_when_to_come_back(
    settings: Settings, redis: Redis
) -> None:
    async with asking(settings) as client:
        replies = [await ask(client, settings, "alice") for _ in range(4)]
        other = await ask(client, settings, "bob")
        stranger = await client.get("/api/categories")
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert refusal(replies[-1]) == (429, "rate_limited")
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 20
    for reply, left in zip(replies, (2, 1, 0, 0), strict=True):
        assert reply.headers["ratelimit-policy"] == '"requests";q=3;w=60'
        told = re.fullmatch(r'"requests";r=(\d+);t=(\d+)', reply.headers["ratelimit"])
        assert told is not None
        assert int(told[1]) == left
        assert 0 < int(told[2]) <= 60
    told_last = replies[-1].headers["ratelimit"].partition("t=")[2]
    assert told_last == replies[-1].headers["retry-after"]
    assert other.status_code == 200
    assert "ratelimit" not in stranger.headers


async def test_a_quota_holds_over_processes(redis: Redis) -> None:
    first, second = shared(redis), shared(redis)
    quotas = await asyncio.gather(
        *(process.count("alice") for process in (first, second) for _ in range(PER_MINUTE))
    )
    assert sum(quota.is_admitted for quota in quotas) == PER_MINUTE
    assert (await second.count("bob")).is_admitted
    assert 0 < await redis.pttl(f"{PREFIX}rate:alice") <= 60_000


async def test_a_clock_of_redis_that_jumps_back_locks_nobody_out(redis: Redis) -> None:
    await redis.set(f"{PREFIX}rate:alice", 10**17)
    quota = await shared(redis).count("alice")
    assert not quota.is_admitted
    assert quota.wait_s <= 60 / PER_MINUTE


async def test_without_redis_each_process_counts_its_own() -> None:
    async with connect_redis("redis://127.0.0.1:1/0") as away:
        limits = shared(away)
        admitted = [(await limits.count("alice")).is_admitted for _ in range(4)]
    assert admitted == [True, True, True, False]


async def test_a_redis_that_falls_silent_is_asked_once_and_not_waited_for(
    settings: Settings, redis: Redis
) -> None:
    async with wired(settings.redis_url) as wire:
        away = connect_redis(wire.url, reply_timeout_s=0.05)
        limits = shared(away)
        assert (await limits.count("alice")).is_admitted
        wire.fall_silent()
        quotas = [await limits.count("alice") for _ in range(PER_MINUTE + 1)]
        assert [quota.is_admitted for quota in quotas] == [True, True, True, False]
        assert wire.swallowed <= 2
        await away.aclose(close_connection_pool=True)


def test_the_least_recent_users_are_forgotten_first() -> None:
    limits = RateLimits(per_minute=1)
    assert limits.count_here("alice").is_admitted
    assert not limits.count_here("alice").is_admitted
    for number in range(USERS_MAX):
        limits.count_here(f"user-{number}")
    assert limits.count_here("alice").is_admitted


@pytest.mark.parametrize("per_minute", [1, 7, 600, 100_000])
def test_a_whole_quota_is_admitted_at_once(per_minute: int) -> None:
    limits = RateLimits(per_minute=per_minute)
    quotas = [limits.count_here("alice") for _ in range(min(per_minute, 1_000))]
    assert all(quota.is_admitted for quota in quotas)
    assert Quota(per_minute, True, 60).remaining == 0
    assert Quota(per_minute, False, 60).wait_s == max(1, -(-60 // per_minute))
