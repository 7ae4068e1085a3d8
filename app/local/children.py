"""What the supervisor keeps running, when it tries again, and how it hears that it shall stop."""

import http.client
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from app.local.embedded.data_dir import LOOPBACK

API = "api"

MAX_ASYNC_TASKS = 600
WAIT_TASKS_TIMEOUT_S = 20
SHUTDOWN_TIMEOUT_S = 5

READY_CALL_TIMEOUT_S = 2.0

BACKOFF_FIRST_S = 0.25
BACKOFF_MAX_S = 8.0
STEADY_AFTER_S = 30.0  # What ran this long and then died is restarted at once again.


@dataclass(frozen=True)
class Child:
    """A process to keep running. `ready`, if given, is waited for at the first start."""

    name: str
    argv: tuple[str, ...]
    ready: Callable[[], bool] | None = None


Plan = Callable[[int], Sequence[Child]]
"""The children of an instance whose API listens on the given port."""


def product(workers: int) -> Plan:
    """The API, one taskiq master with `workers` processes, and the scheduler."""
    python = sys.executable

    def plan(port: int) -> Sequence[Child]:
        worker = (
            *(python, "-m", "taskiq", "worker", "workers.tasks:broker"),
            *("--workers", str(workers)),
            *("--max-async-tasks", str(MAX_ASYNC_TASKS)),
            *("--wait-tasks-timeout", str(WAIT_TASKS_TIMEOUT_S)),
            *("--shutdown-timeout", str(SHUTDOWN_TIMEOUT_S)),
            "--no-configure-logging",  # The product configures it, as JSON.
        )
        scheduler = (
            *(python, "-m", "taskiq", "scheduler", "workers.scheduler:scheduler"),
            "--no-configure-logging",
        )
        serve = (python, "-m", "app.cli", "serve", "--port", str(port))
        return (
            Child(API, serve, ready=lambda: answers(port, "/readyz")),
            Child("worker", worker),
            Child("scheduler", scheduler),
        )

    return plan


def answers(port: int, path: str) -> bool:
    """Whether the API on this port answers 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=READY_CALL_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class StopSignals:
    """Counts the signals that ask to stop. A plain counter: handlers may not take locks."""

    NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        # A signal that is ignored stays ignored: `nohup sixfold up` outlives its terminal.
        self._before = {
            number: signal.signal(number, self._note)
            for number in self.NUMBERS
            if signal.getsignal(number) is not signal.SIG_IGN or number == signal.SIGTERM
        }

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Backoff:
    """When a thing that keeps dying may be started again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._started_at = self._clock()
        self._due_at: float | None = None

    def is_due(self) -> bool:
        """Asked of a dead thing: whether to start it now. Its death counts once."""
        if self._due_at is None:
            self._due_at = self._clock() + self._delay_s()
        return self._clock() >= self._due_at

    def started(self) -> None:
        """The child was started just now: its next death counts anew."""
        self._started_at = self._clock()
        self._due_at = None

    def _delay_s(self) -> float:
        if self._clock() - self._started_at > STEADY_AFTER_S:
            self._failures = 0
        self._failures += 1
        return min(BACKOFF_FIRST_S * 2 ** min(self._failures - 1, 10), BACKOFF_MAX_S)
