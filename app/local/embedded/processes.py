"""Processes: started here, or found running and proved to be the one that was meant."""

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGKILL, Signals

from app.local.embedded.data_dir import Runner

POLL_S = 0.02
KILL_WAIT_S = 10.0
PS_TIMEOUT_S = 5.0

LOG_BYTES_MAX = 5_000_000
LOG_TAIL_LINES = 20
LOG_TAIL_BYTES = 16_384


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Whether `condition` came true within `timeout_s`; it is asked at least once."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline:
            return False
        pause(POLL_S)
    return True


def pause(seconds: float) -> None:
    """Waits; a signal handler still runs meanwhile."""
    threading.Event().wait(seconds)


def start_mark(pid: int) -> str | None:
    """When the process started, in the kernel's words; None if it is gone or a zombie.

    A pid alone identifies no program: it is given to another program once its process has ended.
    """
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else fields[19]
    state, _, started = _ps(pid, "state=,lstart=").partition(" ")
    return started.strip() if state and not state.startswith("Z") else None


def command_line(pid: int) -> str:
    """Program and arguments of a running process, joined by spaces; empty if it is gone."""
    if sys.platform == "linux":
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return os.fsdecode(raw.rstrip(b"\0").replace(b"\0", b" "))
    return _ps(pid, "command=")


def _ps(pid: int, columns: str) -> str:
    listed = subprocess.run(  # noqa: S603 -- a fixed program and a number
        ["/bin/ps", "-ww", "-o", columns, "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PS_TIMEOUT_S,
    )
    return listed.stdout.strip()


class Process:
    """A process in a session of its own: Ctrl-C in the terminal reaches the supervisor alone."""

    def __init__(self, pid: int, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.started = start_mark(pid)
        self._child = child

    @classmethod
    def spawn(
        cls,
        argv: Sequence[str | Path],
        *,
        log: Path,
        cwd: Path,
        env: Mapping[str, str],
        runner: Runner | None = None,
    ) -> "Process":
        """Start `argv`, its output appended to `log` (made private, trimmed first)."""
        trim_log(log)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        output = os.open(log, flags, 0o600)
        try:
            child = subprocess.Popen(  # noqa: S603 -- programs of our own, named by absolute path
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(env),
                start_new_session=True,
                umask=0o077,
                **(runner or Runner()).popen_options(),
            )
        finally:
            os.close(output)
        return cls(child.pid, child)

    @property
    def exit_code(self) -> int | None:
        """None until it was waited for, and for a process that was found instead of started."""
        return None if self._child is None else self._child.returncode

    def is_alive(self) -> bool:
        """Whether the process runs; a pid given to another program does not count."""
        if self._child is not None:
            return self._child.returncode is None and not _has_ended(self.pid)
        return self.started is not None and start_mark(self.pid) == self.started

    def send(self, number: Signals) -> None:
        """Send a signal, unless the process is gone and its pid perhaps another's."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended within `timeout_s`; its exit code is known then."""
        if not wait_until(lambda: not self.is_alive(), timeout_s):
            return False
        if self._child is not None:
            self._child.wait()
        return True

    def stop(self, *steps: tuple[Signals, float]) -> None:
        """Send each signal in turn until one ends it within its seconds; then SIGKILL."""
        for number, timeout_s in steps:
            self.send(number)
            if self.wait(timeout_s):
                return
        self.send(SIGKILL)
        self.wait(KILL_WAIT_S)

    def kill_group(self) -> None:
        """End the process, if it still runs, and its descendants in its session's group.

        Nothing is done once the process has been waited for: its number may be another's.
        """
        is_ours = self.is_alive() if self._child is None else self._child.returncode is None
        if is_ours:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, SIGKILL)
            self.wait(KILL_WAIT_S)


def _has_ended(pid: int) -> bool:
    """Whether a child has ended, without taking its exit code: until then its pid stays its own."""
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13.
        return start_mark(pid) is None
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def trim_log(log: Path, bytes_max: int = LOG_BYTES_MAX) -> None:
    """Move a log that has grown too long to `<name>.1`, in place: its writers keep their handle.

    Lines written between the copy and the cut are lost; writers append, so none is torn.
    """
    try:
        if log.stat().st_size <= bytes_max:
            return
    except FileNotFoundError:
        return
    shutil.copy2(log, log.with_name(f"{log.name}.1"))
    os.truncate(log, 0)


def log_tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
