"""`ops/setup.sh` interrupted, moved, and run twice at once, with a Python that is quick."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEADLINE_S = 60.0
NEEDED = ("ops/setup.sh", "pyproject.toml", "requirements-build.in", "requirements.lock")

# It answers as CPython does to what set-up asks, writes down what it was called for, and its pip
# waits for as long as the file `hold` is there.
PYTHON = """\
#!/bin/sh
case "$*" in
*"-m venv"*)
    mkdir -p "$4/bin"
    cp "$0" "$4/bin/python"
    echo "VIRTUAL_ENV=$PWD/$4" >"$4/bin/activate"
    echo venv >>"$CALLS" ;;
*"pip --version"*) ;;
*"pip "*)
    echo pip >>"$CALLS"
    while [ -e "$HOLD" ]; do sleep 0.05; done ;;
esac
"""


class Checkout:
    def __init__(self, folder: Path) -> None:
        self.root, self.folder = folder / "checkout", folder
        for name in NEEDED:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        (folder / "bin").mkdir()
        (folder / "bin" / "python3").write_text(PYTHON)
        (folder / "bin" / "python3").chmod(0o755)
        self.calls, self.hold = folder / "calls", folder / "hold"

    def start(self) -> subprocess.Popen[bytes]:
        path = f"{self.folder / 'bin'}:/usr/bin:/bin"
        told = {"PATH": path, "CALLS": str(self.calls), "HOLD": str(self.hold)}
        # A job in the background of a script ignores SIGINT, and so would all that it starts.
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                ["sh", "ops/setup.sh", "runtime"], cwd=self.root, env=told, start_new_session=True
            )
        finally:
            signal.signal(signal.SIGINT, heard)

    def run(self) -> int:
        return self.start().wait(DEADLINE_S)

    def made(self) -> list[str]:
        """What the Python was called for since the last time."""
        calls = self.calls.read_text().split() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls

    def wait_for_pip(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not self.calls.exists() or "pip" not in self.calls.read_text():
            assert time.monotonic() < deadline
            os.sched_yield()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_what_is_up_to_date_is_left_alone(checkout: Checkout) -> None:
    assert checkout.run() == 0
    assert checkout.made() == ["venv", "pip", "pip"]
    assert checkout.run() == 0
    assert checkout.made() == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_after_an_interruption_it_is_made_anew(checkout: Checkout, stop: signal.Signals) -> None:
    checkout.hold.touch()
    interrupted = checkout.start()
    checkout.wait_for_pip()
    os.killpg(interrupted.pid, stop)  # As a terminal does by Ctrl-C: to all of them.
    assert interrupted.wait(DEADLINE_S) != 0
    checkout.hold.unlink()
    checkout.made()
    assert checkout.run() == 0
    assert checkout.made() == ["venv", "pip", "pip"]


def test_a_checkout_that_was_moved_gets_an_environment_of_its_own(checkout: Checkout) -> None:
    checkout.run()
    checkout.made()
    checkout.root = checkout.root.rename(checkout.folder / "elsewhere")
    assert checkout.run() == 0
    assert checkout.made() == ["venv", "pip", "pip"]


def test_two_at_once_take_turns(checkout: Checkout) -> None:
    checkout.hold.touch()
    first = checkout.start()
    checkout.wait_for_pip()
    second = checkout.start()
    checkout.hold.unlink()
    assert (first.wait(DEADLINE_S), second.wait(DEADLINE_S)) == (0, 0)
    assert checkout.made() == ["venv", "pip", "pip"]
