"""`sixfold up`: the embedded services and the product's own processes, kept running as one."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.local.children import API, Backoff, Child, Plan, StopSignals, product
from app.local.embedded import (
    LOG_DIR,
    DataDirInUse,
    EmbeddedFailed,
    EmbeddedUnavailable,
    Postgres,
    Valkey,
    load_or_create_secrets,
    lock_data_dir,
)
from app.local.embedded.data_dir import LOOPBACK, free_port, is_free, load_port, save_port
from app.local.embedded.processes import Process, log_tail, pause, trim_log
from app.local.embedded.run_file import (
    end_leftovers,
    forget_children,
    record_children,
    remove_run_file,
    write_run_file,
)
from app.local.embedded.server import Server

ROOT = Path(__file__).resolve().parents[2]

GRACE_S = 40.0  # Longer than a worker's drain, so that no lease is left to run out.

TICK_S = 0.1
TRIM_EVERY_S = 10.0
READY_TIMEOUT_S = 60.0
MIGRATE_TIMEOUT_S = 300.0

API_ROLE, WORKER_ROLE = "sixfold_api", "sixfold_worker"
_PROVIDER = ("SIXFOLD_LLM_API_KEY", "SIXFOLD_LLM_API_KEY_FILE")
_OWN = tuple(
    f"SIXFOLD_{name}{file}"
    for name in ("DATABASE_URL", "MASTER_KEY", "MASTER_KEY_PREVIOUS", "AUTH_SECRET")
    for file in ("", "_FILE")
)
KEPT_FROM = {API: _PROVIDER, "scheduler": (*_OWN, *_PROVIDER, "SIXFOLD_AUTH_SECRET_PREVIOUS")}
"""What a process does not need, and so does not get."""

Say = Callable[[str], None]


class StartFailed(RuntimeError):
    """A child did not come up; the message has the end of its log."""


class StopRequested(RuntimeError):
    """A signal came while starting."""


def run_up(
    *,
    data_dir: Path,
    port: int,
    workers: int = 1,
    plan: Plan | None = None,
    migrate: Sequence[str] | None = (sys.executable, "-m", "app.cli", "migrate"),
    say: Say | None = None,
) -> int:
    """Run an instance until SIGTERM, SIGINT or SIGHUP; the exit code.

    Port 0 is the port of last time, or a free one. Must be called in the main thread, as it
    takes over the signals. A second signal cuts the grace short.
    """
    data_dir = data_dir.resolve()
    say = say or _say_on_stderr
    stop = StopSignals()
    with stop:
        try:
            with lock_data_dir(data_dir):
                supervisor = _Supervisor(data_dir, plan or product(workers), migrate, say, stop)
                return supervisor.run(port)
        except StopRequested:
            return 0
        except (DataDirInUse, EmbeddedUnavailable, EmbeddedFailed, StartFailed) as error:
            if stop.count:
                return 0  # What was just starting was called off.
            say(str(error))
            return 1


class _Supervisor:
    def __init__(
        self,
        data_dir: Path,
        plan: Plan,
        migrate: Sequence[str] | None,
        say: Say,
        stop: StopSignals,
    ) -> None:
        self._data_dir = data_dir
        self._plan = plan
        self._migrate_argv = migrate
        self._say = say
        self._stop = stop
        self._servers: list[Server] = []
        self._children: dict[str, Child] = {}
        self._processes: dict[str, Process] = {}
        self._backoffs: dict[str, Backoff] = {}
        self._env: dict[str, str] = {}
        self._url = ""

    def run(self, port: int) -> int:
        remove_run_file(self._data_dir)
        if left := end_leftovers(self._data_dir, grace_s=GRACE_S):
            self._say(f"Ended what a killed `sixfold up` had left running: {', '.join(left)}.")
        port = self._choose_port(port)
        try:
            self._start_services()
            self._migrate()
            self._start_children(port)
            self._say(f"Sixfold is ready at {self._url}")
            self._keep()
        finally:
            self._end()
        return 0

    # Starting

    def _choose_port(self, port: int) -> int:
        if port == 0:
            remembered = load_port(self._data_dir, API)
            port = remembered if remembered and is_free(remembered) else free_port()
        elif not is_free(port):
            raise StartFailed(f"Port {port} is taken by another program; choose another --port.")
        save_port(self._data_dir, API, port)
        self._url = f"http://{LOOPBACK}:{port}"
        return port

    def _start_services(self) -> None:
        for kind in (Postgres, Valkey):
            server = kind.start(self._data_dir, is_cancelled=self._is_stopping)
            if isinstance(server, Postgres):
                self._url_of, self._password_of = server.url_of, server.password_of
            self._servers.append(server)
            self._backoffs[kind.name] = Backoff()
            self._heed_stop()
        self._env = self._child_env()

    def _child_env(self) -> dict[str, str]:
        """This process's environment, with the instance's values for what names the instance.

        Keys and limits that the operator has set are kept: every command, with the same
        environment, then sees the same values as the children.
        """
        secrets = load_or_create_secrets(self._data_dir)
        postgres, valkey = self._servers
        env = {"SIXFOLD_MASTER_KEY": secrets.master_key}
        if not os.environ.get("SIXFOLD_AUTH_JWKS_URL"):
            # On loopback, and for users of this machine who may read the data folder.
            env |= {"SIXFOLD_AUTH_SECRET": secrets.auth_secret, "SIXFOLD_LOCAL_SIGN_IN": "true"}
        env |= {name: value for name, value in os.environ.items() if value or name not in env}
        return env | {
            "PYTHONUNBUFFERED": "1",  # So that the end of a log is the end of the story.
            "SIXFOLD_DATA_DIR": str(self._data_dir),
            "SIXFOLD_DATABASE_URL": postgres.url,
            "SIXFOLD_REDIS_URL": valkey.url,
            "SIXFOLD_ALLOWED_HOSTS": json.dumps([LOOPBACK, "localhost"]),
        }

    def _migrate(self) -> None:
        if self._migrate_argv is None:
            return
        process = self._spawn("migrate", self._migrate_argv)
        deadline = time.monotonic() + MIGRATE_TIMEOUT_S
        while not process.wait(TICK_S):
            if self._is_stopping() or time.monotonic() > deadline:
                process.stop((signal.SIGTERM, GRACE_S))
        self._heed_stop()
        if process.exit_code != 0:
            raise StartFailed(f"The migration failed:\n{log_tail(self._log('migrate'))}")

    def _start_children(self, port: int) -> None:
        for child in self._plan(port):
            self._children[child.name] = child
            self._backoffs[child.name] = Backoff()
            self._start_child(child)
        for child in self._children.values():
            if child.ready is not None:
                self._wait_ready(child, child.ready)
        self._publish()

    def _start_child(self, child: Child) -> None:
        self._processes[child.name] = self._spawn(child.name, child.argv)
        record_children(self._data_dir, self._processes)

    def _wait_ready(self, child: Child, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not ready():
            self._heed_stop()
            if not self._processes[child.name].is_alive() or time.monotonic() > deadline:
                tail = log_tail(self._log(child.name))
                raise StartFailed(f"{child.name} does not come up. Its log ends:\n{tail}")
            pause(TICK_S / 4)

    def _spawn(self, name: str, argv: Sequence[str]) -> Process:
        return Process.spawn(argv, log=self._log(name), cwd=ROOT, env=self._env_of(name))

    def _env_of(self, name: str) -> dict[str, str]:
        """The environment of a process, with the rights and the keys that it needs."""
        env = {key: value for key, value in self._env.items() if key not in KEPT_FROM.get(name, ())}
        match name:
            case "migrate":
                passwords = {
                    "SIXFOLD_API_ROLE_PASSWORD": self._password_of(API_ROLE),
                    "SIXFOLD_WORKER_ROLE_PASSWORD": self._password_of(WORKER_ROLE),
                }
                return env | passwords
            case "scheduler":
                return env
            case _:
                role = API_ROLE if name == API else WORKER_ROLE
                return env | {"SIXFOLD_DATABASE_URL": self._url_of(role)}

    def _log(self, name: str) -> Path:
        return self._data_dir / LOG_DIR / f"{name}.log"

    # Keeping

    def _keep(self) -> None:
        trim_at = time.monotonic() + TRIM_EVERY_S
        while not self._is_stopping():
            revived = [self._revive_server(server) for server in self._servers]
            revived += [self._revive_child(child) for child in self._children.values()]
            if any(revived):
                self._publish()
            if time.monotonic() > trim_at:
                self._trim_logs()
                trim_at = time.monotonic() + TRIM_EVERY_S
            pause(TICK_S)

    def _revive_server(self, server: Server) -> bool:
        backoff = self._backoffs[server.name]
        if server.is_alive() or not backoff.is_due():
            return False
        try:
            server.restart()
        except EmbeddedFailed as error:  # Waited through: the disk may be full for a while.
            self._say(f"{server.name} could not be restarted: {error}")
            backoff.started()
            return False
        backoff.started()
        self._say(f"{server.name} had died and was restarted.")
        return True

    def _revive_child(self, child: Child) -> bool:
        process, backoff = self._processes[child.name], self._backoffs[child.name]
        if process.is_alive() or not backoff.is_due():
            return False
        process.kill_group()  # A taskiq master that was killed leaves its workers consuming.
        self._start_child(child)
        backoff.started()
        self._say(f"{child.name} had ended (exit code {process.exit_code}) and was restarted.")
        return True

    def _publish(self) -> None:
        postgres, valkey = self._servers
        alive: Mapping[str, int] = {
            "supervisor": os.getpid(),
            **{server.name: server.pid for server in self._servers},
            **{name: process.pid for name, process in self._processes.items()},
        }
        write_run_file(
            self._data_dir,
            url=self._url,
            database_url=postgres.url,
            redis_url=valkey.url,
            pids=alive,
        )

    def _trim_logs(self) -> None:
        for log in (self._data_dir / LOG_DIR).glob("*.log"):
            trim_log(log)

    # Ending

    def _is_stopping(self) -> bool:
        return self._stop.count > 0

    def _heed_stop(self) -> None:
        if self._is_stopping():
            raise StopRequested

    def _end(self) -> None:
        remove_run_file(self._data_dir)
        self._end_children()
        for server in reversed(self._servers):
            server.stop()

    def _end_children(self) -> None:
        """SIGTERM to all at once; SIGKILL after the grace, or at a second signal."""
        for process in self._processes.values():
            process.send(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_S
        signals_before = max(self._stop.count, 1)
        while any(process.is_alive() for process in self._processes.values()):
            if time.monotonic() > deadline or self._stop.count > signals_before:
                break
            pause(TICK_S / 4)
        for process in self._processes.values():
            process.kill_group()
        forget_children(self._data_dir)


def _say_on_stderr(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
