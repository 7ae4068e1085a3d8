"""The main job through real processes: API, worker, PostgreSQL, Valkey."""

import asyncio
import json
import os
import signal
from pathlib import Path

import httpx2

from app.local.embedded.data_dir import free_port
from app.settings import Settings
from app.users.auth import issue_token
from tests.support.processes import (
    DEADLINE_S,
    SAMPLE,
    SHORT_LEASES,
    Client,
    MakeClient,
    Processes,
    assert_healthy,
    run_sixfold,
    until_ready,
    worker,
)

NOTHING_LISTENS = "redis://127.0.0.1:9/0"


async def test_a_chat_goes_in_and_six_insights_come_out_for_fifty_coins(
    make_client: MakeClient, processes: Processes, environment: dict[str, str]
) -> None:
    running = processes.start(*worker())
    alice = make_client("alice")
    chat = await alice.upload()
    assert chat["message_count"] > 1_000
    job = await alice.unlock(chat["id"])
    assert job["balance"] == {"available": 0, "held": 50}
    done = await alice.finished(job)
    assert (done["state"], done["progress"]["completed"]) == ("succeeded", 6)
    for insight in done["insights"]:
        evidence = [number for one in insight["content"]["findings"] for number in one["evidence"]]
        assert evidence
        assert all(1 <= number <= chat["message_count"] for number in evidence)
        assert insight["content"]["metrics"]["generator"] == "offline"
    assert await alice.charges() == [50]
    assert await alice.get("/api/credits") == {"available": 0, "held": 0}
    assert processes.terminate(running) == 0
    await assert_healthy(environment)


async def test_a_worker_killed_in_the_middle_costs_the_user_nothing_but_time(
    make_client: MakeClient, processes: Processes, environment: dict[str, str]
) -> None:
    hanging = worker(broker="tests.acceptance.slow_worker:broker")
    doomed = processes.start(*hanging, **SHORT_LEASES)
    alice = make_client("alice")
    job = await alice.unlock((await alice.upload())["id"])
    halfway = await alice.snapshot_when(job, lambda seen: seen["progress"]["completed"] == 3)
    assert [one["content"] for one in halfway["insights"]] == [None] * 6
    processes.kill(doomed)

    processes.start(*worker(), **SHORT_LEASES)
    done = await alice.finished(job)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    before = {one["key"]: one for one in halfway["insights"] if one["state"] == "completed"}
    for insight in done["insights"]:
        assert insight["attempts"] == 1
        if insight["key"] in before:  # Completed by the killed worker, and not bought again.
            assert insight["duration_ms"] == before[insight["key"]]["duration_ms"]
    assert await alice.charges() == [50]
    await assert_healthy(environment)


async def test_a_worker_told_to_stop_hands_its_job_over_at_once(
    make_client: MakeClient, processes: Processes, environment: dict[str, str]
) -> None:
    hanging = worker("--wait-tasks-timeout", "1", broker="tests.acceptance.slow_worker:broker")
    leaving = processes.start(*hanging)
    alice = make_client("alice")
    job = await alice.unlock((await alice.upload())["id"])
    await alice.snapshot_when(job, lambda seen: seen["progress"]["completed"] == 3)
    assert processes.terminate(leaving) == 0
    returned = await alice.get(job["links"]["self"])
    # Its lease of 45 s did not have to run out, and the attempt is not counted.
    assert (returned["state"], returned["attempt"]) == ("queued", 0)
    processes.start(*worker(), SIXFOLD_RESCUE_S="0.5")
    done = await alice.finished(job)
    assert (done["state"], done["attempt"]) == ("succeeded", 1)
    assert await alice.charges() == [50]
    await assert_healthy(environment)


async def test_api_and_worker_start_and_serve_without_redis(
    processes: Processes, environment: dict[str, str], settings: Settings
) -> None:
    environment["SIXFOLD_REDIS_URL"] = NOTHING_LISTENS
    port = free_port()
    processes.start("-m", "app.cli", "serve", "--port", str(port))
    processes.start(*worker())
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as http:
        await until_ready(http)
        alice = Client(http, issue_token(settings, "alice", (), 600))
        job = await alice.unlock((await alice.upload())["id"])
        done = await alice.finished(job)
        assert done["state"] == "succeeded"
        assert await alice.charges() == [50]
    await assert_healthy(environment)


async def test_fifty_users_unlock_at_once_on_one_embedded_instance(
    processes: Processes, environment: dict[str, str], instance_dir: Path
) -> None:
    for name in [name for name in environment if name.startswith("SIXFOLD_")]:
        del environment[name]
    environment["SIXFOLD_DATA_DIR"] = str(instance_dir)
    up = processes.start("-m", "app.cli", "up", "--port", "0", "--data-dir", str(instance_dir))
    async with asyncio.timeout(DEADLINE_S):
        while not (instance_dir / "run.json").exists():
            assert up.poll() is None
            await asyncio.sleep(0.05)
    url = json.loads((instance_dir / "run.json").read_text())["url"]
    export = b"\n".join(SAMPLE.read_bytes().split(b"\n")[:400])
    users = [f"user{number}" for number in range(50)]
    _, printed = await run_sixfold(environment, "token", users[0])
    settings = _settings_of(environment)
    async with httpx2.AsyncClient(base_url=url, timeout=DEADLINE_S) as http:
        first = Client(http, printed.splitlines()[-1].decode())
        assert (await first.get("/api/credits"))["available"] == 50
        clients = [Client(http, issue_token(settings, user, (), 600)) for user in users]
        chats = [await client.upload(export) for client in clients]
        jobs = await asyncio.gather(
            *(client.unlock(chat["id"]) for client, chat in zip(clients, chats, strict=True))
        )
        done = await asyncio.gather(
            *(client.finished(job) for client, job in zip(clients, jobs, strict=True))
        )
        assert [one["state"] for one in done] == ["succeeded"] * 50
        charged = [[one["settlement"]["charged_coins"]] for one in done]
        assert await asyncio.gather(*(client.charges() for client in clients)) == charged
        assert all(0 < coins <= 50 for [coins] in charged)
    await assert_healthy(environment)
    os.kill(up.pid, signal.SIGTERM)
    assert await asyncio.to_thread(up.wait, 60) == 0
    assert not (instance_dir / "run.json").exists()


def _settings_of(environment: dict[str, str]) -> Settings:
    data_dir = Path(environment["SIXFOLD_DATA_DIR"])
    run = json.loads((data_dir / "run.json").read_text())
    secrets = json.loads((data_dir / "secrets.json").read_text())
    return Settings(
        database_url=run["database_url"],
        redis_url=run["redis_url"],
        master_key=secrets["master_key"],
        auth_secret=secrets["auth_secret"],
    )
