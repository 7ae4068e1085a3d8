"""The main job with a language model: real processes, a provider over real HTTP."""

import asyncio
import json

import pytest

from tests.provider_stub import Fault, ProviderStub
from tests.support.processes import (
    MODEL_KEY,
    SAMPLE,
    MakeClient,
    Processes,
    assert_healthy,
    run_sixfold,
    with_model,
    worker,
)

SMALL_EXPORT = b"\n".join(SAMPLE.read_bytes().split(b"\n")[:300])
EVERY_KIND = {
    Fault.RATE_LIMITED: 0.03,
    Fault.ERROR: 0.03,
    Fault.UNAVAILABLE: 0.02,
    Fault.CUT: 0.03,
    Fault.CUT_BODY: 0.02,
    Fault.NOT_JSON: 0.01,
    Fault.ENDLESS_BODY: 0.01,
    Fault.HANG: 0.01,
    Fault.TRUNCATED: 0.02,
    Fault.INVALID: 0.02,
    Fault.WRONG_EVIDENCE: 0.01,
}


@pytest.fixture
def environment(environment: dict[str, str], stub: ProviderStub) -> dict[str, str]:
    return with_model(environment, stub, SIXFOLD_LLM_TIMEOUT_S="40", SIXFOLD_RESCUE_S="0.5")


async def test_a_model_writes_six_insights_which_are_charged_once(
    make_client: MakeClient, processes: Processes, environment: dict[str, str], stub: ProviderStub
) -> None:
    running = processes.start(*worker())
    alice = make_client("alice")
    chat = await alice.upload()
    done = await alice.finished(await alice.unlock(chat["id"]))
    assert (done["state"], done["progress"]["completed"]) == ("succeeded", 6)
    assert stub.meter.calls == 6
    names = {person["name"] for person in chat["participants"]}
    for insight in done["insights"]:
        content = insight["content"]
        assert any(name in content["summary"] for name in names)
        numbers = ",".join(str(each) for each in content["findings"][0]["evidence"])
        quoted = await alice.get(f"/api/chats/{chat['id']}/messages?numbers={numbers}")
        assert quoted["items"]
    assert not any(name in received.text for received in stub.received for name in names)
    assert {received.headers["authorization"] for received in stub.received} == {
        f"Bearer {MODEL_KEY}"
    }
    assert await alice.charges() == [50]
    assert processes.terminate(running) == 0
    await assert_healthy(environment)


async def test_with_every_fifth_call_failing_each_job_is_charged_in_full_or_released(
    make_client: MakeClient, processes: Processes, environment: dict[str, str], stub: ProviderStub
) -> None:
    stub.behaviour.chances = EVERY_KIND
    stub.behaviour.retry_after_s = 0.2
    processes.start(*worker(), SIXFOLD_LLM_TIMEOUT_S="2")
    users = [make_client(f"user{number}") for number in range(8)]
    chats = [await user.upload(SMALL_EXPORT) for user in users]
    jobs = [await user.unlock(chat["id"]) for user, chat in zip(users, chats, strict=True)]
    done = await asyncio.gather(
        *(user.finished(job, deadline_s=120) for user, job in zip(users, jobs, strict=True))
    )
    calls = stub.meter.calls
    assert stub.meter.outcomes["answered"] < calls
    for user, job in zip(users, done, strict=True):
        assert job["state"] in ("succeeded", "failed")
        paid = [50] if job["state"] == "succeeded" else []
        assert await user.charges() == paid
        assert await user.get("/api/credits") == {"available": 50 - sum(paid), "held": 0}
    await assert_healthy(environment)
    assert stub.meter.calls == calls  # Nothing was asked for after the coins had moved.


async def test_ping_tells_whether_the_model_answers(
    environment: dict[str, str], stub: ProviderStub
) -> None:
    stub.write = lambda request, fault: '{"answer": "ready"}'
    stub.behaviour.supports_schema = False
    code, printed = await run_sixfold(environment, "llm", "ping")
    told = json.loads(printed)
    assert (code, told["ok"], told["answered_by"]) == (0, True, "gpt-4.1-mini-stub")
    assert told["learnt"]["schema"] == "json_object"
    assert told["tokens_in"] > 0
    assert told["latency_ms"] >= 0

    stub.behaviour.supports_schema = True
    stub.behaviour.plan([Fault.UNAUTHORIZED])
    code, printed = await run_sixfold(environment, "llm", "ping")
    told = json.loads(printed)
    assert (code, told["error"], told["status"], told["cause"]) == (
        1,
        "provider_rejected",
        401,
        "key",
    )
    assert "SIXFOLD_LLM_API_KEY" in told["advice"]
    assert MODEL_KEY not in printed.decode()

    del environment["SIXFOLD_LLM_API_KEY"], environment["SIXFOLD_LLM_MODEL"]
    code, printed = await run_sixfold(environment, "llm", "ping")
    assert (code, json.loads(printed)["error"]) == (1, "not_configured")
