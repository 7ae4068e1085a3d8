"""Every command of compose.yaml, run by hand against servers that somebody else packaged.

They stand in for the containers: the same commands, the same environment, the same health checks
and signals; other hosts and ports alone.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.local.embedded.data_dir import free_port
from app.local.embedded.processes import pause
from tests.compose.servers import empty_database, empty_redis
from tests.compose.stack import ROOT, Service, environment_of, seconds, services
from tests.support.environment import API_ROLE, POSTGRES, ROLE_PASSWORD, WORKER_ROLE, as_role

WAIT_S = 60.0
GRACE_DEFAULT_S = "10s"
SAMPLE = ROOT / "samples" / "WhatsApp Chat with Maya.txt"

VARIABLES = {
    "POSTGRES_PASSWORD": "a1b2c3d4e5",
    "VALKEY_PASSWORD": "f6e5d4c3b2",
    "API_ROLE_PASSWORD": ROLE_PASSWORD,
    "WORKER_ROLE_PASSWORD": ROLE_PASSWORD,
    "SIXFOLD_MASTER_KEY": "k1:" + base64.urlsafe_b64encode(bytes(32)).decode(),
    "SIXFOLD_AUTH_SECRET": "a secret for this test, long enough for HS256",
    "SIXFOLD_ALLOWED_HOSTS": '["127.0.0.1"]',
}


class Stack:
    """The services of compose.yaml as processes of this machine."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._services = services(VARIABLES)
        self._database_url, self._redis_url = database_url, redis_url
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """As `docker compose run --rm NAME COMMAND`; its own command if none is given."""
        return subprocess.run(
            self._here(command or self._services[name]["command"]),
            **self._surroundings(name),
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )

    def start(self, name: str) -> None:
        with (self._folder / name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                self._here(self._services[name]["command"]),
                **self._surroundings(name),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_healthy(self, name: str) -> bool:
        kind, *command = self._services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        return self.run(name, *command).returncode == 0

    def stop(self, name: str) -> int:
        """The exit code after the service's signal; it fails beyond the service's grace."""
        service, process = self._services[name], self._processes[name]
        process.send_signal(signal.Signals[service.get("stop_signal", "SIGTERM")])
        return process.wait(seconds(service.get("stop_grace_period", GRACE_DEFAULT_S)))

    def log(self, name: str) -> str:
        return (self._folder / name).read_text()

    def end(self) -> None:
        for process in self._processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _here(self, command: Any) -> list[str]:
        """The command with what is different on this machine."""
        here = {"0.0.0.0": "127.0.0.1", "8000": str(self.port), "python": sys.executable}  # noqa: S104 (it is replaced)
        program, *arguments = [here.get(word, word) for word in command]
        return [str(Path(sys.executable).parent / program), *arguments]

    def _surroundings(self, name: str) -> dict[str, Any]:
        service: Service = self._services[name]
        environment = environment_of(service, VARIABLES)
        own = {"SIXFOLD_LIVENESS_DIR": str(self._folder / f"{name}.ticks")}
        role = {"api": API_ROLE, "worker": WORKER_ROLE}.get(name)
        url = self._database_url if role is None else as_role(self._database_url, role)
        servers = {"SIXFOLD_DATABASE_URL": url, "SIXFOLD_REDIS_URL": self._redis_url}
        places = {key: at for key, at in (servers | own).items() if key in environment}
        return {
            "cwd": ROOT,
            "env": {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment, **places},
            "stdin": subprocess.DEVNULL,
        }


def wait_for(condition: Callable[[], object], stack: Stack, *names: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        told = "\n".join(stack.log(name) for name in names)
        assert time.monotonic() < deadline, f"the condition did not come true:\n{told}"
        pause(0.3)


@pytest.fixture
def stack(redis_url: str) -> Iterator[Stack]:
    passwords = VARIABLES["POSTGRES_PASSWORD"], VARIABLES["VALKEY_PASSWORD"]
    with (
        empty_database(os.environ[POSTGRES], user="sixfold", password=passwords[0]) as database,
        empty_redis(redis_url, password=passwords[1]) as redis,
        tempfile.TemporaryDirectory(prefix="sixfold-compose-logs-") as folder,
    ):
        stack = Stack(Path(folder), database, redis)
        try:
            yield stack
        finally:
            stack.end()


def test_the_commands_of_the_file_start_sell_six_insights_and_stop_cleanly(stack: Stack):
    migrated = stack.run("migrate")
    assert migrated.returncode == 0, migrated.stderr
    assert not any(stack.is_healthy(name) for name in ("api", "worker", "scheduler"))

    for name in ("scheduler", "worker"):
        stack.start(name)
        # One after the other: here all come from one address, so that one's silence must be seen
        # before another one speaks.
        wait_for(lambda: stack.is_healthy(name), stack, name)  # noqa: B023 (called at once)
    stack.start("api")
    wait_for(lambda: stack.is_healthy("api"), stack, "api")

    for name in ("api", "worker", "scheduler"):
        ticking = stack.run(name, "python", "ops/healthy.py", "loops")
        assert ticking.returncode == 0, ticking.stderr

    snapshot = _unlock(stack)
    assert snapshot["settlement"]["state"] == "captured"
    assert [insight["state"] for insight in snapshot["insights"]] == ["completed"] * 6
    assert all(insight["content"] for insight in snapshot["insights"])

    refused = stack.run("api", "sixfold", "check")
    assert refused.returncode == 1
    assert "sees_one_user" in refused.stderr
    checked = stack.run("worker", "sixfold", "check")
    assert json.loads(checked.stdout)["healthy"] is True
    assert {name: stack.stop(name) for name in ("api", "scheduler", "worker")} == {
        "api": 0,
        "scheduler": 0,
        "worker": 0,
    }
    assert not any(stack.is_healthy(name) for name in ("api", "worker", "scheduler"))


def _unlock(stack: Stack) -> dict[str, Any]:
    """The job of an unlocked sample chat, once it has ended."""
    token = stack.run("api", "sixfold", "token", "alice").stdout.split()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=stack.url, headers=headers, timeout=WAIT_S) as alice:
        file = (SAMPLE.name, SAMPLE.read_bytes(), "text/plain")
        chat = alice.post("/api/chats", files={"file": file})
        assert chat.status_code == 201, chat.text
        order = {"chat_id": chat.json()["id"], "category": "friendship"}
        unlocked = alice.post("/api/insights/unlock", json=order)
        assert unlocked.status_code == 202, unlocked.text
        snapshot: dict[str, Any] = {}

        def is_done() -> bool:
            nonlocal snapshot
            snapshot = alice.get(unlocked.json()["links"]["self"]).json()
            return snapshot["state"] not in {"queued", "running"}

        wait_for(is_done, stack, "worker")
        return snapshot
