"""What operators do with a job from a terminal, on a job that really ran."""

import asyncio
import json
import os
import pty
import sys
from importlib.metadata import version
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

    judged = await alice.http.post(
        f"/api/insights/jobs/{job_id}/feedback",
        headers=alice.headers,
        json={"insight": last["insights"][0]["key"], "finding": 0, "verdict": "unkind"},
    )
    assert judged.status_code == 200
    refund = ("refund", job_id, "--reason", "a present")
    assert (await printed(environment, *refund))["refunded"] is True
    assert (await printed(environment, *refund))["refunded"] is False
    taken = ("adjust", "alice", "--coins", "-20", "--reason", "by hand", "--reference", "one")
    assert (await printed(environment, *taken))["entry"]["available_after"] == 30

    balance, checked, costs, (code, table), feedback, (_, verdicts) = await asyncio.gather(
        printed(environment, "balance", "alice"),
        printed(environment, "check"),
        printed(environment, "costs", "--since", "7d", "--json"),
        run_sixfold(environment, "costs"),
        printed(environment, "feedback", "--json"),
        run_sixfold(environment, "feedback"),
    )
    assert balance == {"available": 30, "held": 0}
    assert checked["healthy"] is True
    assert [(one["model"], one["jobs"], one["insights"]) for one in costs["costs"]] == [
        ("offline-1", 1, 6)
    ]
    assert (costs["totals"]["captured_coins"], costs["totals"]["refunded_coins"]) == (50, 50)
    assert code == 0
    assert b"0 coins earned (50 captured, 50 refunded)" in table
    [said] = feedback["feedback"]
    assert (said["category"], said["writer"], said["verdict"], said["count"]) == (
        *("friendship", "offline-1", "unkind", 1),
    )
    assert verdicts.splitlines()[1].split()[-4:] == [b"offline-1", b"0", b"0", b"1"]


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


async def test_a_command_says_in_words_what_it_cannot_do(environment: dict[str, str]) -> None:
    told = await said(environment, "balance", "nobody")
    assert told == (
        1,
        "not_found: There is no account of nobody: no request of that user was seen yet.",
    )
    code, refused = await said(
        environment, "grant", "alice", "-5", "--reason", "r", "--reference", "one"
    )
    assert code == 2
    words = " ".join(refused.replace("│", " ").split())
    assert "a grant is of 1 to 1,000,000 coins, not of -5" in words
    assert "sixfold adjust USER --coins -5" in words
    code, told = await run_sixfold(environment, "--version")
    assert (code, told.decode().strip()) == (0, f"sixfold {version('sixfold')}")


async def test_a_job_is_watched_as_bars_on_a_terminal(
    make_client: MakeClient, processes: Processes, environment: dict[str, str]
) -> None:
    alice = make_client("alice")
    job = await alice.unlock((await alice.upload())["id"])
    processes.start(*worker())
    outside, inside = pty.openpty()
    try:
        watching = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "watch", job["job_id"]),
            env=environment | {"TERM": "xterm", "COLUMNS": "100"},
            stdout=inside,
        )
        os.close(inside)
        shown = await asyncio.to_thread(_all_of, outside)
        assert await watching.wait() == 0
    finally:
        os.close(outside)
    assert "Who reaches out" in shown
    assert "completed in" in shown
    assert shown.rstrip().endswith("succeeded. You were charged 50 coins.")


def _all_of(terminal: int) -> str:
    """What a terminal shows until its last writer leaves."""
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 4096)
        except OSError:  # Linux answers EIO where others answer with nothing.
            return shown.decode()
        if not chunk:
            return shown.decode()
        shown += chunk


async def said(environment: dict[str, str], *argv: str) -> tuple[int | None, str]:
    """The exit code of a command that is refused, and what it says about that."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *argv), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()
    return process.returncode, told.decode().strip()
