from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from redis.asyncio import Redis

from app.catalog.categories import CATEGORIES
from app.crypto import ChatKey, KeyRing
from app.jobs.context_cache import ChatGone, ContextCache
from app.jobs.leases import Claim, LeaseTimes, claim_jobs
from tests.support.jobs import execute, unlock

CATEGORY = CATEGORIES["friendship"]


@pytest.fixture
async def store(redis: Redis) -> AsyncIterator[ContextCache]:
    store = ContextCache(redis=redis, threads=1)
    yield store
    await store.kept()
    store.close()


@pytest.fixture
async def claim(chat: UUID) -> Claim:
    unlocked = await unlock("alice", chat)
    (claim,) = await claim_jobs([("alice", unlocked.job_id)], LeaseTimes(45, 110))
    assert claim is not None
    return claim


@pytest.fixture
def key(claim: Claim, keyring: KeyRing) -> ChatKey:
    assert claim.key_id is not None
    assert claim.sealed_key is not None
    return keyring.unwrap(claim.key_id, claim.sealed_key, claim.user_id, claim.chat_id)


async def test_a_context_is_kept_sealed_for_twenty_minutes_and_found_again(
    store: ContextCache, claim: Claim, key: ChatKey, redis: Redis
) -> None:
    built = await store.context_of(claim, key, CATEGORY)
    await store.kept()
    (name,) = await redis.keys("sixfold:ctx:*")
    sealed = await redis.get(name)
    assert b"cake" not in sealed
    assert b"alice" not in sealed
    assert 0 < await redis.ttl(name) <= 20 * 60
    await execute("DELETE FROM chat_blocks")
    assert await store.context_of(claim, key, CATEGORY) == built


async def test_what_is_broken_in_the_cache_is_built_anew(
    store: ContextCache, claim: Claim, key: ChatKey, redis: Redis
) -> None:
    built = await store.context_of(claim, key, CATEGORY)
    await store.kept()
    (name,) = await redis.keys("sixfold:ctx:*")
    await redis.set(name, b"\x01 not what was sealed")
    assert await store.context_of(claim, key, CATEGORY) == built
    await store.kept()
    await execute("DELETE FROM chat_blocks")
    await redis.set(name, b"\x01 not what was sealed")
    with pytest.raises(ChatGone):
        await store.context_of(claim, key, CATEGORY)


async def test_a_cache_that_is_away_holds_nothing_up(claim: Claim, key: ChatKey) -> None:
    async with Redis(host="127.0.0.1", port=9) as absent:  # Discard: nothing listens there.
        store = ContextCache(redis=absent, threads=1)
        context = await store.context_of(claim, key, CATEGORY)
        await store.kept()
        store.close()
    assert context.message_count > 0
