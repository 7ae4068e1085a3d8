"""`sixfold up` as a process of its own, with real services and small stand-ins for the product."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from app.local.children import BACKOFF_FIRST_S, BACKOFF_MAX_S, Backoff, answers
from app.local.embedded.data_dir import free_port
from app.local.embedded.processes import pause, start_mark
from tests.support.stand_in_product import MODULE

ROOT = Path(__file__).resolve().parent.parent
WAIT_S = 60.0


class Up:
    """A running supervisor, and what it says about itself."""

    def __init__(self, data_dir: Path, *fault: str, port: int = 0) -> None:
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", *MODULE[1:], "up", str(data_dir), str(port), *fault],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_file(self) -> dict:
        wait_for(lambda: (self.data_dir / "run.json").exists() or self.process.poll() is not None)
        return json.loads((self.data_dir / "run.json").read_text())

    def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        self.process.send_signal(number)
        return self.process.communicate(timeout=WAIT_S)[1]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        pause(0.02)


def is_running(pid: int) -> bool:
    return start_mark(pid) is not None


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sixfold-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "instance"


@pytest.fixture
def up(data_dir: Path) -> Iterator[Callable[..., Up]]:
    """Starts supervisors, and after the test ends them and what they started."""
    started: list[Up] = []

    def start(*fault: str, port: int = 0) -> Up:
        started.append(Up(data_dir, *fault, port=port))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()
    if (data_dir / "children.json").exists():  # The last one was killed: a successor tidies up.
        successor = Up(data_dir)
        successor.run_file()
        successor.end()


def test_up_serves_publishes_itself_privately_and_leaves_nothing_behind(data_dir, up):
    running = up()
    found = running.run_file()
    path = data_dir / "run.json"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(found) == {"url", "database_url", "redis_url", "pids"}
    assert set(found["pids"]) == {"supervisor", "postgres", "valkey", "api", "worker"}
    assert found["pids"]["supervisor"] == running.process.pid
    wait_for(lambda: answers(int(found["url"].rpartition(":")[2]), "/readyz"))
    wait_for((data_dir / "grandchild").exists)

    said = running.end()

    assert running.process.returncode == 0
    assert f"ready at {found['url']}" in said
    grandchild = int((data_dir / "grandchild").read_text())
    assert [name for name, pid in found["pids"].items() if is_running(pid)] == []
    assert not is_running(grandchild)
    assert not path.exists()
    assert not (data_dir / "children.json").exists()


async def test_what_dies_is_restarted_where_it_was(data_dir, up):
    running = up()
    before = running.run_file()
    wait_for((data_dir / "grandchild").exists)
    grandchild = int((data_dir / "grandchild").read_text())
    for name in ("api", "worker", "postgres", "valkey"):
        os.kill(before["pids"][name], signal.SIGKILL)

    def all_are_new() -> bool:
        now = running.run_file()["pids"]
        return all(now[name] != pid for name, pid in before["pids"].items() if name != "supervisor")

    wait_for(all_are_new)
    after = running.run_file()

    assert {key: after[key] for key in after if key != "pids"} == {
        key: before[key] for key in before if key != "pids"
    }
    wait_for(lambda: answers(int(after["url"].rpartition(":")[2]), "/readyz"))
    assert not is_running(grandchild), "a dead master's worker went on consuming"
    connection = await asyncpg.connect(after["database_url"], ssl=False)
    one = await connection.fetchval("SELECT 1")
    await connection.close()
    assert one == 1


def test_the_successor_of_a_killed_supervisor_keeps_the_servers_and_ends_the_children(data_dir, up):
    killed = up()
    before = killed.run_file()
    wait_for((data_dir / "grandchild").exists)
    grandchild = int((data_dir / "grandchild").read_text())
    killed.end(signal.SIGKILL)
    assert is_running(before["pids"]["api"])
    (data_dir / "run.json").unlink()

    after = up().run_file()

    assert after["url"] == before["url"]
    assert after["database_url"] == before["database_url"]
    for server in ("postgres", "valkey"):
        assert after["pids"][server] == before["pids"][server]
    assert not is_running(before["pids"]["api"])
    assert not is_running(before["pids"]["worker"])
    # taskiq's master takes its workers with it, and they end without one; the stand-in's does not.
    with suppress(ProcessLookupError):
        os.kill(grandchild, signal.SIGKILL)


def test_a_second_up_on_the_same_folder_is_refused_and_harms_nothing(up):
    first = up()
    found = first.run_file()
    second = up()
    said = second.process.communicate(timeout=WAIT_S)[1]
    assert second.process.returncode == 1
    assert "in use by another `sixfold up`" in said
    assert first.run_file() == found


@pytest.mark.parametrize(
    ("fault", "reason"), [("broken", "no such table"), ("unmigrated", "bad DDL")]
)
def test_a_start_that_fails_shows_the_log_and_stops_everything(data_dir, up, fault, reason):
    failed = up(fault)
    said = failed.process.communicate(timeout=WAIT_S)[1]
    assert failed.process.returncode == 1
    assert reason in said
    assert not (data_dir / "run.json").exists()
    assert not (data_dir / "postgres" / "cluster" / "postmaster.pid").exists()


def test_a_taken_port_is_named_before_anything_starts(data_dir, up):
    first = up()
    port = int(first.run_file()["url"].rpartition(":")[2])
    other = Up(data_dir.parent / "other", port=port)
    said = other.process.communicate(timeout=WAIT_S)[1]
    assert other.process.returncode == 1
    assert f"Port {port} is taken" in said


@pytest.fixture
def hearing_ctrl_c() -> Iterator[None]:
    """What a shell starts in the background ignores SIGINT, and so would what is started here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hearing_ctrl_c")
def test_a_given_port_is_used_and_ctrl_c_stops_cleanly(up):
    port = free_port()
    running = up(port=port)
    found = running.run_file()
    assert found["url"] == f"http://127.0.0.1:{port}"
    running.end(signal.SIGINT)
    assert running.process.returncode == 0
    assert not any(is_running(pid) for pid in found["pids"].values())


def test_the_pause_before_a_restart_grows_to_a_limit():
    now = 0.0
    backoff, pauses = Backoff(clock=lambda: now), []
    for _ in range(12):
        died = now
        while not backoff.is_due():
            now += BACKOFF_FIRST_S / 2
        pauses.append(now - died)
        backoff.started()
    assert pauses == [0.25, 0.5, 1, 2, 4, *[BACKOFF_MAX_S] * 7]
