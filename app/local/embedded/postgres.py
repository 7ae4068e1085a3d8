"""PostgreSQL from a wheel: a cluster of its own, a password for every role, loopback only."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import asyncpg

from app.local.embedded.data_dir import LOOPBACK, write_atomically
from app.local.embedded.errors import EmbeddedFailed
from app.local.embedded.processes import command_line, log_tail
from app.local.embedded.programs import postgres_programs
from app.local.embedded.server import SERVER_ENV, Server

DATABASE = "sixfold"
USER = "sixfold"

INITDB_TIMEOUT_S = 120.0
CONNECT_TIMEOUT_S = 10
IMMEDIATE_STOP_S = 10.0

# Of the message "pre-existing shared memory block (key …, ID …) is still in use".
STILL_IN_USE = "pre-existing shared memory block"

# fsync and synchronous_commit keep their default, on: an acknowledged unlock is never lost.
# A segment of the log is closed within ten minutes and removed by the checkpoint after that, not
# kept under another name: docs/privacy.md says how long a deleted key stands there.
# Terse errors: a DETAIL line shows the values of the row that failed.
SETTINGS = f"""\
# Written by sixfold at every start; use ALTER SYSTEM for settings of your own.
listen_addresses = '{LOOPBACK}'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 200
shared_buffers = '128MB'
effective_cache_size = '1GB'
work_mem = '8MB'
maintenance_work_mem = '64MB'
max_wal_size = '1GB'
min_wal_size = '128MB'
wal_compression = 'on'
checkpoint_timeout = '10min'
archive_timeout = '10min'
wal_recycle = off
wal_init_zero = off
random_page_cost = 1.1
autovacuum_naptime = '15s'
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
log_destination = 'stderr'
logging_collector = off
log_error_verbosity = 'terse'
log_min_error_statement = 'panic'
log_line_prefix = '%m [%p] %q%a '
log_checkpoints = off
"""


class Postgres(Server):
    name: ClassVar[str] = "postgres"

    @property
    def url(self) -> str:
        password = self.secrets.postgres_password
        return f"postgresql://{USER}:{password}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    def stop(self, timeout_s: float = 20.0) -> None:
        """Fast shutdown: sessions are ended, then a checkpoint; after `timeout_s` immediate."""
        if self._process is not None:
            self._process.stop((signal.SIGINT, timeout_s), (signal.SIGQUIT, IMMEDIATE_STOP_S))

    def _create(self) -> None:
        self._programs = postgres_programs(self.runner)
        if self.cluster.is_dir():
            return
        fresh = self.folder / "cluster.new"  # A first start that was interrupted is begun anew.
        shutil.rmtree(fresh, ignore_errors=True)
        password_file = self.folder / "initdb-password"
        write_atomically(password_file, self.secrets.postgres_password, runner=self.runner)
        try:
            self._initdb(fresh, password_file)
        finally:
            password_file.unlink()
        fresh.rename(self.cluster)

    def _initdb(self, cluster: Path, password_file: Path) -> None:
        made = subprocess.run(  # noqa: S603 -- a program of our own, named by absolute path
            [
                self._programs / "initdb",
                f"--pgdata={cluster}",
                f"--username={USER}",
                f"--pwfile={password_file}",
                "--auth-local=scram-sha-256",
                "--auth-host=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--data-checksums",
            ],
            cwd=self.folder,
            env=SERVER_ENV,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            umask=0o077,
            check=False,
            timeout=INITDB_TIMEOUT_S,
            **self.runner.popen_options(),
        )
        if made.returncode != 0:
            raise EmbeddedFailed(f"initdb failed:\n{made.stdout}\n{made.stderr}")

    def _configure(self) -> None:
        settings = f"{SETTINGS}port = {self.port}\n"
        write_atomically(self.cluster / "postgresql.conf", settings, runner=self.runner)
        self._remove_foreign_pid_file()

    def _remove_foreign_pid_file(self) -> None:
        """Remove a pid file whose pid another program of the same user has by now.

        PostgreSQL would take that program for its predecessor and refuse to start. Any other
        stale file it handles itself, and better: it also looks for left-over backends.
        """
        recorded = self._recorded()
        if recorded and command_line(recorded[0]) and not self._is_ours(recorded[0]):
            self._pid_file.unlink(missing_ok=True)

    def _argv(self) -> list[str | Path]:
        return [self._programs / "postgres", "-D", self.cluster]

    @property
    def _pid_file(self) -> Path:
        return self.cluster / "postmaster.pid"

    def _recorded(self) -> tuple[int, int] | None:
        lines = self._pid_lines()
        try:
            return int(lines[0]), int(lines[3])
        except (IndexError, ValueError):
            return None

    def _pid_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _is_ready(self) -> bool:
        """Asks the pid file first: during a recovery each connection would log an error."""
        lines = self._pid_lines()
        if len(lines) < 8 or lines[0] != str(self.pid) or lines[7].strip() != "ready":
            return False
        try:
            _run_in_thread(self._ensure_database)
        except asyncpg.InvalidPasswordError:
            raise EmbeddedFailed(
                f"The password in {self.data_dir} is not that of its PostgreSQL cluster."
            ) from None
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            return False
        return True

    def _must_wait(self) -> bool:
        """A backend of a killed server may finish its query before it notices."""
        return STILL_IN_USE in log_tail(self.log, lines=3)

    async def _ensure_database(self) -> None:
        client: Any = asyncpg  # It ships no types.
        connection = await client.connect(
            host=LOOPBACK,
            port=self.port,
            user=USER,
            password=self.secrets.postgres_password,
            database="postgres",
            ssl=False,
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=CONNECT_TIMEOUT_S,
        )
        try:
            exists = "SELECT 1 FROM pg_database WHERE datname = $1"
            if await connection.fetchval(exists, DATABASE) is None:
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()


def _run_in_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end, also where this thread has an event loop running already."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(lambda: asyncio.run(work())).result()
