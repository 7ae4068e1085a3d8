"""`ops/healthy.py` answers for its own database and its own number in Redis."""

import asyncio
import fcntl
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis

from app.liveness import watched_loop
from app.redis import scheduler_mark
from app.settings import Settings
from tests.compose.stack import ROOT

Checked = tuple[int, str]


async def _checked(environment: dict[str, str], process: str) -> Checked:
    command = [sys.executable, "ops/healthy.py", process]
    run = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, check=False
    )
    return run.returncode, run.stderr.decode().strip()


@pytest.fixture
async def neighbour(environment: dict[str, str]) -> AsyncIterator[None]:
    """A worker of another instance: the same server, user and address, another database."""
    url = urlsplit(environment["SIXFOLD_DATABASE_URL"])._replace(path="/postgres").geturl()
    connection = await asyncpg.connect(url, server_settings={"application_name": "sixfold"})
    yield
    await connection.close()


@pytest.mark.usefixtures("neighbour")
async def test_a_worker_of_another_database_is_none_of_ours(
    environment: dict[str, str], settings: Settings
) -> None:
    assert await _checked(environment, "worker") == (
        1,
        "no worker here used the database: not connected",
    )
    own = {"server_settings": {"application_name": "sixfold"}}
    connection = await asyncpg.connect(environment["SIXFOLD_DATABASE_URL"], **own)
    assert await _checked(environment, "worker") == (0, "")
    await connection.close()


async def test_loops_that_tick_are_alive_whatever_else_is_away(
    environment: dict[str, str], tmp_path: Path
) -> None:
    assert await _checked(environment, "loops") == (1, "SIXFOLD_LIVENESS_DIR is not set")
    nothing = "postgresql://nobody@127.0.0.1:1/nothing"
    environment |= {"SIXFOLD_LIVENESS_DIR": str(tmp_path), "SIXFOLD_DATABASE_URL": nothing}
    assert await _checked(environment, "loops") == (1, "no loop ticks here")
    with watched_loop("worker", tmp_path):
        assert await _checked(environment, "loops") == (0, "")
        assert await _checked(environment, "scheduler") == (1, "no loop ticks here")


async def test_a_loop_that_has_stopped_is_named(
    environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"SIXFOLD_LIVENESS_DIR": str(tmp_path)}
    path = tmp_path / "worker-7.alive"
    path.write_text(f"{time.monotonic() - 100:020.3f}")
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for process in ("loops", "worker"):
            code, told = await _checked(environment, process)
            assert code == 1
            assert told.startswith("the loop of worker-7 has not ticked for 1")


async def test_a_scheduler_is_known_by_its_mark_in_this_number(
    environment: dict[str, str], redis: Redis
) -> None:
    await redis.execute_command("ACL", "SETUSER", "default", "-client|list")
    try:
        assert await _checked(environment, "scheduler") == (1, "nothing was sent here lately")
        await redis.set(scheduler_mark(), 1)
        assert await _checked(environment, "scheduler") == (0, "")
    finally:
        await redis.execute_command("ACL", "SETUSER", "default", "+client|list")
