"""Valkey from a wheel: expendable by design, so nothing of it is written to disk."""

import signal
from pathlib import Path
from typing import Any, ClassVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.local.embedded.data_dir import LOOPBACK, load_port, write_atomically
from app.local.embedded.programs import valkey_program
from app.local.embedded.server import Server

CONNECT_TIMEOUT_S = 2.0

# Under pressure only what has a time to live goes; a refused wake-up costs latency, never a job.
# The process title stays as it is: by it a left-over server is recognised.
SETTINGS = f"""\
bind {LOOPBACK}
protected-mode yes
daemonize no
set-proc-title no
always-show-logo no
databases 64
save ""
appendonly no
maxmemory 256mb
maxmemory-policy volatile-lru
"""


class Valkey(Server):
    name: ClassVar[str] = "valkey"

    @property
    def url(self) -> str:
        return f"redis://:{self.secrets.valkey_password}@{LOOPBACK}:{self.port}/0"

    def stop(self, timeout_s: float = 20.0) -> None:
        """End it; what it held is lost, as it may be."""
        if self._process is not None:
            self._process.stop((signal.SIGTERM, timeout_s))

    def _create(self) -> None:
        self._program = valkey_program(self.folder, self.runner)

    def _configure(self) -> None:
        settings = (
            f"{SETTINGS}port {self.port}\n"
            f'dir "{self.folder}"\n'
            f'pidfile "{self._pid_file}"\n'
            f"requirepass {self.secrets.valkey_password}\n"
        )
        write_atomically(self._config, settings, runner=self.runner)

    def _argv(self) -> list[str | Path]:
        return [self._program, self._config]

    @property
    def _config(self) -> Path:
        return self.folder / "valkey.conf"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "valkey.pid"

    def _recorded(self) -> tuple[int, int] | None:
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        port = load_port(self.data_dir, self.name)
        return None if port is None else (pid, port)

    def _is_ready(self) -> bool:
        client: Any = redis.Redis(  # Its commands are half typed.
            host=LOOPBACK,
            port=self.port,
            password=self.secrets.valkey_password,
            socket_timeout=CONNECT_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),  # By default it would wait seconds between its tries.
        )
        try:
            return bool(client.ping())
        except redis.AuthenticationError:
            # Another program's server on a port that was free a moment ago; ours ends by itself.
            return False
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        finally:
            client.close()
