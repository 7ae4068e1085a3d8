"""Real processes of the product, and an HTTP client that uses them as its users do."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.local.embedded.data_dir import free_port
from app.settings import Settings
from app.users.auth import issue_token
from tests.provider_stub import ProviderStub
from tests.support.environment import API_ROLE, as_role

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "WhatsApp Chat with Maya.txt"
STOP_TIMEOUT_S = 60
DEADLINE_S = 60
SHORT_LEASES = {"SIXFOLD_LEASE_S": "8", "SIXFOLD_HEARTBEAT_S": "1", "SIXFOLD_RESCUE_S": "0.5"}
"""Short, yet longer than a machine stalls: whoever lives keeps its lease."""
MODEL_KEY = "sk-acceptance-tests"

Json = dict[str, Any]


VENV = "own-python"
"""Of a tree that is another release: its environment, in a folder of this name."""


class Processes:
    """Starts `python …` commands in process groups of their own, and ends what is left."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self._environment = environment
        self.log = log
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *argv: str, tree: Path = ROOT, **environment: str) -> subprocess.Popen[bytes]:
        """The code in `tree` is what runs."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [python_of(tree), *argv],
                cwd=tree,
                env=self._environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the process and its children: nothing is cleaned up."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def terminate(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM; the exit code."""
        process.terminate()
        return process.wait(STOP_TIMEOUT_S)

    def end_all(self) -> None:
        for process in self._started:
            if process.poll() is None:
                self.kill(process)

    def serve(self, settings: Settings) -> str:
        """Starts an API with the rights of its role; its address, where it will be ready."""
        port = free_port()
        url = as_role(settings.database_url, API_ROLE)
        self.start("-m", "app.cli", "serve", "--port", str(port), SIXFOLD_DATABASE_URL=url)
        return f"http://127.0.0.1:{port}"


@contextmanager
def ended(processes: Processes) -> Iterator[Processes]:
    """Ends them afterwards, and shows what they have said last."""
    try:
        yield processes
    finally:
        processes.end_all()
        sys.stdout.write(processes.log.read_text(errors="replace")[-20_000:])


@pytest.fixture
def processes(environment: dict[str, str], tmp_path: Path) -> Iterator[Processes]:
    with ended(Processes(environment, tmp_path / "processes.log")) as started:
        yield started


def with_model(environment: dict[str, str], stub: ProviderStub, **given: str) -> dict[str, str]:
    """The environment of processes whose model is the stub."""
    return environment | {
        "SIXFOLD_LLM_API_KEY": MODEL_KEY,
        "SIXFOLD_LLM_MODEL": "gpt-4.1-mini",
        "SIXFOLD_LLM_BASE_URL": stub.base_url,
        **given,
    }


@pytest.fixture
def instance_dir() -> Iterator[Path]:
    """A data folder in a place that an unprivileged user, as under root, can reach."""
    with tempfile.TemporaryDirectory(prefix="sixfold-instance-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "instance"


class Client:
    """One user's view of the API."""

    def __init__(self, http: httpx2.AsyncClient, token: str) -> None:
        self.http = http
        self.headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str) -> Json:
        answer = await self.http.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def upload(self, export: bytes | None = None) -> Json:
        content = export if export is not None else SAMPLE.read_bytes()
        answer = await self.http.post(
            "/api/chats", headers=self.headers, files={"file": (SAMPLE.name, content)}
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def unlock(
        self, chat_id: str, category: str = "friendship", *, key: str | None = None
    ) -> Json:
        answer = await self.http.post(
            "/api/insights/unlock",
            headers=self.headers | ({"Idempotency-Key": key} if key else {}),
            json={"chat_id": chat_id, "category": category},
        )
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def finished(self, job: Json, *, deadline_s: float = DEADLINE_S) -> Json:
        """The job's snapshot once it has ended."""
        return await self.snapshot_when(
            job, lambda seen: seen["finished_at"] is not None, deadline_s=deadline_s
        )

    async def snapshot_when(
        self, job: Json, condition: Callable[[Json], bool], *, deadline_s: float = DEADLINE_S
    ) -> Json:
        async with asyncio.timeout(deadline_s):
            while True:
                snapshot = await self.get(job["links"]["self"])
                if condition(snapshot):
                    return snapshot
                await asyncio.sleep(0.05)

    async def charges(self) -> list[int]:
        entries = (await self.get("/api/credits/entries?limit=100"))["items"]
        return [entry["amount"] for entry in entries if entry["kind"] == "capture"]


MakeClient = Callable[[str], Client]


@pytest.fixture
async def api(processes: Processes, settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """A real API process, ready."""
    address = processes.serve(settings)
    async with httpx2.AsyncClient(base_url=address, timeout=DEADLINE_S) as http:
        await until_ready(http)
        yield http


async def until_ready(http: httpx2.AsyncClient, *, deadline_s: float = DEADLINE_S) -> None:
    async with asyncio.timeout(deadline_s):
        while True:
            try:
                if (await http.get("/readyz")).is_success:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)


@pytest.fixture
def make_client(api: httpx2.AsyncClient, settings: Settings) -> MakeClient:
    return lambda user: Client(api, issue_token(settings, user, (), 600))


def python_of(tree: Path) -> str:
    """The interpreter that finds this tree's code, in isolated mode too."""
    own = tree / VENV / "bin" / "python"
    return str(own) if own.exists() else sys.executable


async def run_sixfold(
    environment: dict[str, str], *argv: str, tree: Path = ROOT
) -> tuple[int, bytes]:
    """The exit code and standard output of a `sixfold` command."""
    process = await asyncio.create_subprocess_exec(
        *(python_of(tree), "-m", "app.cli", *argv),
        cwd=tree,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output


def worker(*flags: str, broker: str = "workers.tasks:broker") -> Sequence[str]:
    """The command of a worker."""
    return ("-m", "taskiq", "worker", broker, "--workers", "1", *flags)


async def assert_healthy(environment: dict[str, str], *, tree: Path = ROOT) -> None:
    """`sixfold check` finds nothing."""
    code, output = await run_sixfold(environment, "check", tree=tree)
    assert (code, json.loads(output)["violations"]) == (0, 0)
