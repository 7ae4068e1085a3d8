"""A loop that has stopped is seen by probes and ended by its watchdog; a frozen process is not."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import liveness
from app.liveness import EXIT_CODE, MISSED_MAX, Watchdog, last_ticks, watched_loop
from tests.support.waiting import until

DEADLINE_S = 60

BRISK = """
    import asyncio, sys
    from pathlib import Path
    from app import liveness
    from app.logging import configure_logging
    configure_logging()
    liveness.TICK_S = 0.01

    async def main():
        with liveness.watched_loop("test", Path(sys.argv[1])):
            await live()
"""
SPINS = """
    async def live():
        while True:
            pass
"""
CANNOT_LOG = """
    import os, threading

    async def live():
        reader, writer = os.pipe()
        os.dup2(writer, 2)
        while True:
            os.write(2, bytes(65_536))
"""
LIVES = """
    async def live():
        await asyncio.Event().wait()
"""


@contextmanager
def started(what: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    script = "\n".join(textwrap.dedent(part) for part in (BRISK, what, "asyncio.run(main())"))
    with subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("how", [SPINS, CANNOT_LOG], ids=["spins", "cannot log"])
def test_a_process_whose_loop_has_stopped_is_ended(how: str, tmp_path: Path) -> None:
    with started(how, tmp_path) as process:
        assert process.wait(DEADLINE_S) == EXIT_CODE
        assert process.stderr is not None
        told = process.stderr.read().decode()
    if how is SPINS:
        assert '"event":"loop.stopped"' in told
        assert "<string>" in told, "the line at which it stopped"
        assert " live" in told
    assert last_ticks(tmp_path) == {}, "it has let go of its file"


def test_the_watchdog_counts_its_own_looks_and_asks_no_clock() -> None:
    """So time in which it could not look either is none in which the loop was silent."""
    ticks: list[None] = []
    watchdog = Watchdog(lambda: len(ticks), 0)
    for _ in range(3):
        ticks.append(None)
        assert not any(watchdog.has_stopped() for _ in range(MISSED_MAX))
    assert watchdog.has_stopped()


async def test_a_process_that_was_frozen_ticks_on(tmp_path: Path) -> None:
    with started(LIVES, tmp_path) as process:
        await until(lambda: bool(last_ticks(tmp_path)))
        process.send_signal(signal.SIGSTOP)
        frozen_for_s = liveness.MISSED_MAX * 0.01 * 5
        await until(lambda: last_ticks(tmp_path)[f"test-{process.pid}"] > frozen_for_s)
        process.send_signal(signal.SIGCONT)
        await until(lambda: last_ticks(tmp_path)[f"test-{process.pid}"] < frozen_for_s)
        assert process.poll() is None


async def test_ticks_are_told_of_processes_of_one_kind_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "TICK_S", 0.01)
    left = tmp_path / "worker-1.alive"
    left.write_text("0")
    assert last_ticks(tmp_path) == {}, "its process has ended"
    name = f"api-{os.getpid()}"
    with watched_loop("api", tmp_path):
        first = last_ticks(tmp_path)
        assert list(first) == [name]
        assert not left.exists()
        assert last_ticks(tmp_path, "worker") == {}
        made = (tmp_path / f"{name}.alive").read_text()
        await until(lambda: (tmp_path / f"{name}.alive").read_text() != made)
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_written_keeps_nothing_from_running(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with watched_loop("api", tmp_path / "file"):
        await asyncio.sleep(0)
