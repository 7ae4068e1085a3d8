"""What operators do with a job from a terminal, on a job that really ran."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.processes import MakeClient, Processes, run_sixfold, worker


async def printed(environment: dict[str, str], *argv: str) -> Any:
    code, output = await run_sixfold(environment, *argv)
    assert code == 0, argv
    return json.loads(output)


async def test_an_operator_finds_follows_and_refunds_a_job(
    make_client: MakeClient, processes: Processes, environment: dict[str, str]
) -> None:
    alice = make_client("alice")
    job = await alice.unlock((await alice.upload())["id"])
    job_id = job["job_id"]
    assert (await printed(environment, "jobs", "list", "--state", "queued"))["job_id"] == job_id
    assert (await printed(environment, "jobs", "requeue", job_id))["state"] == "queued"
    processes.start(*worker())

    _, followed = await run_sixfold(environment, "watch", job_id)
    last = json.loads(followed.splitlines()[-1])
    assert last["state"] == "succeeded"
    assert all("content" not in insight for insight in last["insights"])
    shown, (refused, _) = await asyncio.gather(
        printed(environment, "jobs", "show", job_id),
        run_sixfold(environment, "jobs", "release", job_id, "--reason", "late"),
    )
    assert (shown["state"], shown["completed"], refused) == ("succeeded", 6, 1)

    refund = ("refund", job_id, "--reason", "a present")
    assert (await printed(environment, *refund))["refunded"] is True
    assert (await printed(environment, *refund))["refunded"] is False
    taken = ("adjust", "alice", "--coins", "-20", "--reason", "by hand", "--reference", "one")
    assert (await printed(environment, *taken))["entry"]["available_after"] == 30

    balance, checked, costs, (code, table) = await asyncio.gather(
        printed(environment, "balance", "alice"),
        printed(environment, "check"),
        printed(environment, "costs", "--since", "7d", "--json"),
        run_sixfold(environment, "costs"),
    )
    assert balance == {"available": 30, "held": 0}
    assert checked["healthy"] is True
    assert [(one["model"], one["jobs"], one["insights"]) for one in costs["costs"]] == [
        ("offline-1", 1, 6)
    ]
    assert (costs["totals"]["captured_coins"], costs["totals"]["refunded_coins"]) == (50, 50)
    assert code == 0
    assert b"0 coins earned (50 captured, 50 refunded)" in table


@pytest.mark.parametrize("since", ["yesterday", "2026-02-30", "9999-01-01", "9999d", "-1d", ""])
async def test_a_bill_from_no_day_is_refused_with_a_usage_error(
    environment: dict[str, str], since: str
) -> None:
    assert await run_sixfold(environment, "costs", f"--since={since}") == (2, b"")


async def test_an_operator_gives_the_coins_of_a_waiting_job_back(
    make_client: MakeClient, environment: dict[str, str]
) -> None:
    alice = make_client("alice")
    job = await alice.unlock((await alice.upload())["id"])
    release = ("jobs", "release", job["job_id"], "--reason", "no worker")
    assert (await printed(environment, *release))["state"] == "failed"
    assert await printed(environment, "balance", "alice") == {"available": 50, "held": 0}
