"""Three workers and a provider that is away for many times as long as a job has attempts."""

import asyncio

import asyncpg
import pytest

from app.jobs.models import ATTEMPTS_MAX
from app.settings import Settings
from tests.provider_stub import Fault, ProviderStub
from tests.support.processes import (
    SAMPLE,
    MakeClient,
    Processes,
    assert_healthy,
    with_model,
    worker,
)
from tests.support.waiting import until

SMALL_EXPORT = b"\n".join(SAMPLE.read_bytes().split(b"\n")[:300])
JOBS, WORKERS = 6, 3
RUNS_MIN = 3 * ATTEMPTS_MAX
AWAY = {Fault.UNAVAILABLE: 0.4, Fault.CUT: 0.3, Fault.NOT_JSON: 0.2, Fault.ERROR: 0.1}


@pytest.fixture
def environment(environment: dict[str, str], stub: ProviderStub) -> dict[str, str]:
    return with_model(environment, stub, SIXFOLD_LLM_TIMEOUT_S="2", SIXFOLD_RESCUE_S="0.2")


async def test_jobs_outlive_an_outage_uncharged_and_succeed_after_it(
    make_client: MakeClient,
    processes: Processes,
    environment: dict[str, str],
    settings: Settings,
    stub: ProviderStub,
) -> None:
    stub.behaviour.chances = AWAY
    for _ in range(WORKERS):
        processes.start(*worker(broker="tests.acceptance.brisk_worker:broker"))
    users = [make_client(f"user{number}") for number in range(JOBS)]
    chats = [await user.upload(SMALL_EXPORT) for user in users]
    jobs = [await user.unlock(chat["id"]) for user, chat in zip(users, chats, strict=True)]

    database = await asyncpg.connect(settings.database_url)

    async def has_run_often() -> bool:
        """Each job was started many times as often as it has attempts."""
        return await database.fetchval("SELECT min(fence) FROM jobs") >= RUNS_MIN

    try:
        await until(has_run_often, deadline_s=90)
    finally:
        await database.close()
    for user, job in zip(users, jobs, strict=True):
        snapshot = await user.get(job["links"]["self"])
        assert snapshot["state"] in ("queued", "running")
        assert snapshot["attempt"] <= 1  # The one under way, if any.
        assert snapshot["settlement"]["state"] == "held"
        assert await user.charges() == []

    stub.behaviour.chances = {}
    done = await asyncio.gather(
        *(user.finished(job) for user, job in zip(users, jobs, strict=True))
    )
    assert [(one["state"], one["attempt"]) for one in done] == [("succeeded", 1)] * JOBS
    assert [await user.charges() for user in users] == [[50]] * JOBS
    # What was sent in vain is not hidden: every call of it stands there too.
    sent = await users[0].get(f"{jobs[0]['links']['self']}/sent?limit=1")
    assert sent["provider"] == f"127.0.0.1:{stub.port}"
    await assert_healthy(environment)
