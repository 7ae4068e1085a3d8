"""The API keeps what its description says, over real HTTP, with a worker behind it.

EXAMPLES in the environment asks for more requests than a run of the suite can afford: `make fuzz`.
"""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import httpx2
import pytest

from app.settings import Settings
from app.users.auth import issue_token
from tests.contract.hooks import IDS
from tests.support.api import CHAT
from tests.support.processes import ROOT, Client, Processes, run_sixfold, worker

EXAMPLES = int(os.environ.get("EXAMPLES", "2000"))
SEED = os.environ.get("SEED", "1")
OPERATIONS = 27
EDGES = 400
"""Beside what is drawn for each, more requests than these look for edges."""
CHATS = 6
"""With a job that ended well, each."""
DISPOSABLE = 20


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"SIXFOLD_REQUESTS_PER_MINUTE": "100000000"}


@pytest.fixture
def token(settings: Settings) -> str:
    return issue_token(settings, "alice", ("credits:grant", "credits:refund"), 36_000)


async def objects(http: httpx2.AsyncClient, token: str) -> dict[str, object]:
    """Ids of chats and of finished jobs, and of chats that may be deleted."""
    alice = Client(http, token)
    chats = [(await alice.upload(CHAT.encode()))["id"] for _ in range(CHATS)]
    jobs = [await alice.finished(await alice.unlock(chat)) for chat in chats]
    spare = [(await alice.upload(CHAT.encode()))["id"] for _ in range(DISPOSABLE)]
    return {
        "chat_id": chats,
        "job_id": [job["job_id"] for job in jobs],
        "DELETE": {"chat_id": spare},
    }


@pytest.mark.timeout(3_000)
async def test_the_api_keeps_what_its_description_says(
    api: httpx2.AsyncClient,
    environment: dict[str, str],
    processes: Processes,
    token: str,
    tmp_path: Path,
) -> None:
    processes.start(*worker())
    await run_sixfold(
        environment, "grant", "alice", "100000", "--reference", "contract", "--reason", "contract"
    )
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps(await objects(api, token)))
    log = tmp_path / "contract.log"
    with log.open("wb") as output:
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--no-color"),
            *("--config-file", "tests/contract/schemathesis.toml"),
            *("run", f"{api.base_url}/openapi.json", "--checks", "all"),
            *("--max-examples", str((EXAMPLES - EDGES) // OPERATIONS + 1), "--seed", SEED),
            *("--warnings", "off"),
            *("--header", f"Authorization: Bearer {token}"),
            cwd=ROOT,
            env=environment | {IDS: str(ids)},
            stdout=output,
            stderr=output,
        )
        code = await run.wait()
    told = log.read_text(errors="replace")
    generated = re.search(r"^ +(\d+) generated", told, re.MULTILINE)
    assert code == 0, told[-20_000:]
    assert generated is not None, told[-2_000:]
    assert int(generated[1]) >= EXAMPLES
    sys.stdout.write(told[-1_000:])
