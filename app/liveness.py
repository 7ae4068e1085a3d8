"""Proves that the event loop of a process lives: a file for probes, a watchdog that ends it."""

import asyncio
import fcntl
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

TICK_S = 1.0
MISSED_MAX = 30
"""So many looks of the watchdog in a row find that the loop has not ticked; then it ends it."""
LOG_WAIT_S = 2.0
FRAMES_MAX = 30
EXIT_CODE = os.EX_SOFTWARE
SUFFIX = ".alive"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@contextmanager
def watched_loop(process: str, folder: Path | None) -> Generator[None]:
    """Inside, the running loop ticks every TICK_S seconds; a process whose loop stops is ended.

    Each tick is written to a file in `folder`, which `last_ticks` reads. Whatever is wrong with
    that folder is logged, and keeps nothing from running.
    """
    heart = _Heart(asyncio.get_running_loop(), _made_file(folder, process))
    watchdog = Watchdog(lambda: heart.ticks, threading.get_ident())
    heart.tick()
    threading.Thread(target=watchdog.run, name="watchdog", daemon=True).start()
    try:
        yield
    finally:
        watchdog.is_over.set()
        heart.stop()


def last_ticks(folder: Path, process: str = "") -> dict[str, float]:
    """Seconds since each loop's last tick, by its file's name; of processes that run.

    `process` names one kind of them. A process that has ended has let go of its file.
    """
    seen: dict[str, float] = {}
    for path in sorted(folder.glob(f"{process}*{SUFFIX}")):
        with suppress(FileNotFoundError), path.open("rb") as file:
            if not _is_let_go(file.fileno()):
                seen[path.stem] = time.monotonic() - float(file.read())
    return seen


class _Heart:
    """What the loop does at each tick. `ticks` is read by another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, file: "_File | None") -> None:
        self._loop, self._file = loop, file
        self._next: asyncio.TimerHandle | None = None
        self.ticks = 0

    def tick(self) -> None:
        self.ticks += 1
        if self._file is not None:
            self._file.write(time.monotonic())
        self._next = self._loop.call_later(TICK_S, self.tick)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()
        if self._file is not None:
            self._file.remove()


class Watchdog:
    """Ends the process whose loop has not ticked for MISSED_MAX of the watchdog's own looks.

    It asks no clock: in a process that was stopped, or on a machine that slept or stalled, it did
    not look either.
    """

    def __init__(self, count_ticks: Callable[[], int], thread_id: int) -> None:
        self._count_ticks, self._thread_id = count_ticks, thread_id
        self._seen = 0
        self._missed = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        """In a thread of its own, until `is_over`."""
        while not self.is_over.wait(TICK_S):
            if self.has_stopped():
                self._end()

    def has_stopped(self) -> bool:
        """Looks once; whether the loop has not ticked at so many looks in a row."""
        ticks = self._count_ticks()
        self._missed = self._missed + 1 if ticks == self._seen else 0
        self._seen = ticks
        return self._missed >= MISSED_MAX

    def _end(self) -> None:
        # In another thread again: the loop may have stopped in a write to the same standard error.
        logging = threading.Thread(target=self._log_stack, daemon=True)
        logging.start()
        logging.join(LOG_WAIT_S)
        os._exit(EXIT_CODE)

    def _log_stack(self) -> None:
        frame = sys._current_frames().get(self._thread_id)  # pyright: ignore[reportPrivateUsage] (there is no other way to another thread's stack)
        stack = traceback.extract_stack(frame)[-FRAMES_MAX:]
        told = [f"{one.filename}:{one.lineno} {one.name}" for one in stack]
        log.error("loop.stopped", missed=self._missed, stack=told)


class _File:
    """Held by a lock that ends with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Under another name until it is locked: what has this name is held, or left behind."""
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(".made")
        self._path, self._is_written = path, True
        self._descriptor = os.open(made, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self.write(time.monotonic())
        made.replace(path)

    def write(self, at: float) -> None:
        try:
            os.pwrite(self._descriptor, f"{at:020.3f}".encode(), 0)
            self._is_written = True
        except OSError as error:
            if self._is_written:
                log.error("liveness.unwritten", reason=error.strerror)
            self._is_written = False

    def remove(self) -> None:
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def _made_file(folder: Path | None, process: str) -> _File | None:
    if folder is None:
        return None
    try:
        for left in folder.glob(f"*{SUFFIX}"):
            _remove_if_let_go(left)
        return _File(folder / f"{process}-{os.getpid()}{SUFFIX}")
    except OSError as error:
        log.error("liveness.unwritten", reason=error.strerror)
        return None


def _remove_if_let_go(path: Path) -> None:
    with suppress(FileNotFoundError), path.open("rb") as file:
        if _is_let_go(file.fileno()):
            path.unlink()


def _is_let_go(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
