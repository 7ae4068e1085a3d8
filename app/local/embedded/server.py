"""What the two embedded servers have in common: find or start, watch, stop, start again."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Self

from app.local.embedded.data_dir import (
    LOG_DIR,
    Runner,
    free_port,
    is_free,
    load_port,
    save_port,
    service_dir,
)
from app.local.embedded.errors import EmbeddedFailed
from app.local.embedded.processes import (
    Process,
    command_line,
    log_tail,
    pause,
    wait_until,
)
from app.local.embedded.secrets import Secrets, load_or_create_secrets

START_ATTEMPTS = 6
START_TIMEOUT_S = 180.0  # A recovery after a crash replays up to a gigabyte of log.
RETRY_S = 0.4
PORT_TIMEOUT_S = 20.0

# Nothing of this process's environment: it holds secrets, and settings such as PGDATA.
SERVER_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class Server(ABC):
    """A server on loopback with its files in a folder of its own. Not thread-safe."""

    name: ClassVar[str]

    def __init__(self, data_dir: Path, folder: Path, runner: Runner, secrets: Secrets) -> None:
        self.data_dir = data_dir
        self.folder = folder
        self.runner = runner
        self.secrets = secrets
        self.log = data_dir / LOG_DIR / f"{self.name}.log"
        self.port = 0
        self._process: Process | None = None
        self._is_cancelled: Callable[[], bool] = lambda: False

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        port: int | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Self:
        """The server of `data_dir`, ready: the one that runs already, or a new one.

        Without `port` it is the port of last time, or a free one if that is taken now.
        Once `is_cancelled`, a wait for it ends with EmbeddedFailed.
        """
        data_dir = data_dir.resolve()
        secrets = load_or_create_secrets(data_dir)
        folder, runner = service_dir(data_dir, cls.name)
        server = cls(data_dir, folder, runner, secrets)
        server._is_cancelled = is_cancelled
        server._create()
        if not server._adopt(port):
            server._launch(port, is_port_fixed=port is not None)
        return server

    @property
    @abstractmethod
    def url(self) -> str: ...

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def is_alive(self) -> bool:
        """Whether the process runs; it may be busy starting or recovering."""
        return self._process is not None and self._process.is_alive()

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same port."""
        self.stop()
        self._launch(self.port, is_port_fixed=True)

    @abstractmethod
    def stop(self, timeout_s: float = 20.0) -> None:
        """End it cleanly, after `timeout_s` by force. A server that has ended is fine."""

    @abstractmethod
    def _create(self) -> None:
        """Make the files of a first start; does nothing afterwards."""

    @abstractmethod
    def _configure(self) -> None: ...

    @abstractmethod
    def _argv(self) -> list[str | Path]: ...

    @abstractmethod
    def _recorded(self) -> tuple[int, int] | None:
        """The pid and the port that the last server of this folder left behind, if any."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether it answers to our password. EmbeddedFailed if it never will."""

    def _must_wait(self) -> bool:
        """Whether the server has just ended for a reason that will pass by itself."""
        return False

    def _adopt(self, port: int | None) -> bool:
        """Take over a server that outlived its supervisor."""
        recorded = self._recorded()
        if recorded is None or not self._is_ours(recorded[0]):
            return False
        self._process = Process(recorded[0])
        self.port = recorded[1]
        if port not in (None, self.port) or not self._wait_ready(START_TIMEOUT_S):
            self.stop()
            return False
        save_port(self.data_dir, self.name, self.port)
        return True

    def _is_ours(self, pid: int) -> bool:
        """A recorded pid may by now be another program's; ours names our files."""
        arguments = " ".join(str(part) for part in self._argv()[1:])
        return command_line(pid).endswith(f" {arguments}")

    def _launch(self, port: int | None, *, is_port_fixed: bool) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        attempt = 0
        while attempt < START_ATTEMPTS and time.monotonic() < deadline:
            self.port = self._choose_port(port, is_fixed=is_port_fixed)
            self._configure()
            self._process = Process.spawn(
                self._argv(), log=self.log, cwd=self.folder, env=SERVER_ENV, runner=self.runner
            )
            if self._wait_ready(deadline - time.monotonic()):
                save_port(self.data_dir, self.name, self.port)
                return
            self._process.wait(0)
            if not self._must_wait():  # Else: perhaps the port was snatched.
                attempt += 1
            pause(RETRY_S * max(attempt, 1))
        self._process = None
        raise EmbeddedFailed(f"{self.name} does not start. Its log ends:\n{log_tail(self.log)}")

    def _choose_port(self, port: int | None, *, is_fixed: bool) -> int:
        wanted = port or load_port(self.data_dir, self.name)
        if wanted and is_free(wanted):
            return wanted
        if not is_fixed or wanted is None:
            return free_port()
        if not wait_until(lambda: is_free(wanted), PORT_TIMEOUT_S):
            raise EmbeddedFailed(f"port {wanted} of {self.name} is taken by another program")
        return wanted

    def _wait_ready(self, timeout_s: float) -> bool:
        """True when ready, False when it has ended; else EmbeddedFailed, and it is stopped."""

        def is_over() -> bool:
            return self._is_ready() or not self.is_alive() or self._is_cancelled()

        try:
            if not wait_until(is_over, timeout_s) or self._is_cancelled():
                raise EmbeddedFailed(
                    f"{self.name} was not ready in time. Its log ends:\n{log_tail(self.log)}"
                )
        except EmbeddedFailed:
            self.stop()
            raise
        return self.is_alive()
