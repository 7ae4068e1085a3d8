"""A worker process of the benchmark's own: it says when it is ready, and is ended by its pid."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks import machine

ROOT = Path(__file__).resolve().parent.parent
READY = "ready"
STOP_TIMEOUT_S = 10.0


class Child:
    """`python -m MODULE …` in a session of its own, with pipes for its input and output."""

    def __init__(self, *argv: str, variables: Mapping[str, str]) -> None:
        """Returns when the process has said that it is ready; RuntimeError if it ends instead."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=dict(os.environ) | dict(variables),
            start_new_session=True,
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().decode().strip() != READY:
            self.stop()
            raise RuntimeError(f"{' '.join(argv)} does not start")

    def write(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.flush()

    def pids(self) -> list[int]:
        return machine.family(self._process.pid)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
