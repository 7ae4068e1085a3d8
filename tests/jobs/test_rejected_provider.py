"""Jobs under way when the provider begins to reject every call."""

import time

import orjson
from redis.asyncio import Redis

from app.credits.accounts import opened_balance
from app.credits.service import Balance
from app.crypto import KeyRing
from app.llm.breaker import Breaker
from app.llm.rejections import GIVE_UP_S, KEY, Rejections
from tests.provider_stub import Fault, ProviderStub
from tests.support.jobs import MakeEngine, assert_healthy, execute, job_row, store_chat, unlock
from tests.support.models import MakeModel, client_of
from tests.support.waiting import until


async def began(redis: Redis, seconds_ago: float) -> None:
    """Another worker has met the rejection before."""
    told = {"reason": "quota", "status": 429, "host": "x", "since": time.time() - seconds_ago}
    await redis.set(KEY, orjson.dumps(told))


async def test_a_job_under_way_waits_for_a_human_and_is_served_once_it_is_mended(
    engine: None,
    keyring: KeyRing,
    make_engine: MakeEngine,
    make_model: MakeModel,
    stub: ProviderStub,
    redis: Redis,
) -> None:
    rejections = Rejections(redis)
    model = make_model(
        client_of(stub), breaker=Breaker(open_first_s=0, open_max_s=0), rejections=rejections
    )
    stub.behaviour.chances = {Fault.QUOTA: 1.0}
    unlocked = await unlock("alice", await store_chat(keyring, "alice"))
    await make_engine(generator=model).run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.attempt) == ("queued", 0)
    standing = await rejections.current()
    assert standing is not None
    assert (standing.rejection.reason, standing.rejection.status) == ("quota", 429)

    stub.behaviour.chances = {}
    stub.write = lambda request, fault: '{"answer": "ready"}'

    async def is_well() -> bool:  # Found out by the worker itself: no job runs.
        return await redis.get(KEY) is None

    await until(is_well)


async def test_after_a_quarter_of_an_hour_the_coins_come_back(
    engine: None,
    keyring: KeyRing,
    make_engine: MakeEngine,
    make_model: MakeModel,
    stub: ProviderStub,
    redis: Redis,
) -> None:
    await began(redis, GIVE_UP_S + 1)
    model = make_model(client_of(stub), rejections=Rejections(redis))
    stub.behaviour.chances = {Fault.QUOTA: 1.0}
    unlocked = await unlock("alice", await store_chat(keyring, "alice"))
    await make_engine(generator=model).run_job("alice", unlocked.job_id)
    row = await job_row("alice", unlocked.job_id)
    assert (row.state, row.error_code) == ("failed", "provider_rejected")
    assert await opened_balance("alice") == Balance(available=50, held=0)
    await assert_healthy()


async def test_a_job_never_waits_beyond_the_quarter_of_an_hour(
    engine: None,
    keyring: KeyRing,
    make_engine: MakeEngine,
    make_model: MakeModel,
    stub: ProviderStub,
    redis: Redis,
) -> None:
    await began(redis, GIVE_UP_S - 20)
    model = make_model(client_of(stub), rejections=Rejections(redis))
    stub.behaviour.chances = {Fault.QUOTA: 1.0}
    unlocked = await unlock("alice", await store_chat(keyring, "alice"))
    await make_engine(generator=model).run_job("alice", unlocked.job_id)
    await execute(
        "UPDATE jobs SET error_code = 'soon' WHERE next_run_at < clock_timestamp() + '30 s'"
    )
    assert (await job_row("alice", unlocked.job_id)).error_code == "soon"
