"""What users see while a part of the system is away, and after it came back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from alembic import command
from alembic.config import Config

from app.local.embedded import Postgres, start_postgres
from app.local.embedded.data_dir import free_port
from app.settings import Settings
from app.users.auth import issue_token
from tests.support.processes import (
    DEADLINE_S,
    SAMPLE,
    Client,
    MakeClient,
    Processes,
    assert_healthy,
    until_ready,
    worker,
)

SMALL_EXPORT = b"\n".join(SAMPLE.read_bytes().split(b"\n")[:300])
QUICK_RESCUE = {"SIXFOLD_RESCUE_S": "0.5"}


@pytest.fixture
def own_postgres(instance_dir: Path) -> Iterator[Postgres]:
    """A PostgreSQL that this test may stop."""
    postgres = start_postgres(instance_dir)
    config = Config("alembic.ini")
    config.set_main_option("sqlalchemy.url", postgres.url.replace("%", "%%"))
    command.upgrade(config, "head")
    yield postgres
    postgres.stop()


async def test_while_the_database_is_away_nothing_is_sold_and_afterwards_work_goes_on(
    processes: Processes, environment: dict[str, str], settings: Settings, own_postgres: Postgres
) -> None:
    environment["SIXFOLD_DATABASE_URL"] = own_postgres.url
    port = free_port()
    api = processes.start("-m", "app.cli", "serve", "--port", str(port))
    running = processes.start(*worker(), **QUICK_RESCUE)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as http:
        await until_ready(http)
        token = issue_token(settings, "alice", (), 600)
        alice = Client(http, token)
        chat = await alice.upload(SMALL_EXPORT)
        await asyncio.to_thread(own_postgres.stop)
        refused = await http.post(
            "/api/insights/unlock",
            json={"chat_id": chat["id"], "category": "friendship"},
            headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k"},
        )
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["Retry-After"]) >= 1
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/healthz")).status_code == 200
        await asyncio.to_thread(own_postgres.restart)
        await until_ready(http)
        done = await alice.finished(await alice.unlock(chat["id"]))
        assert done["state"] == "succeeded"
        assert await alice.charges() == [done["settlement"]["charged_coins"]] != [0]
        # Neither process had to be started anew.
        assert (api.poll(), running.poll()) == (None, None)
    await assert_healthy(environment)


async def test_workers_that_end_after_a_few_tasks_strand_no_job(
    make_client: MakeClient, processes: Processes, environment: dict[str, str]
) -> None:
    users = [make_client(f"user{number}") for number in range(12)]
    chats = [await user.upload(SMALL_EXPORT) for user in users]
    jobs = [await user.unlock(chat["id"]) for user, chat in zip(users, chats, strict=True)]
    # All twelve wake-ups wait in the stream; each process ends after five messages.
    processes.start(*worker("--max-tasks-per-child", "5"), **QUICK_RESCUE)
    done = await asyncio.gather(
        *(user.finished(job, deadline_s=90) for user, job in zip(users, jobs, strict=True))
    )
    assert [one["state"] for one in done] == ["succeeded"] * 12
    await assert_healthy(environment)
