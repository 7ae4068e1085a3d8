"""Servers for tests that the embedded ones do not serve: the system's, or set up in other ways."""

import asyncio
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from app.local.embedded.data_dir import LOOPBACK, Runner
from app.local.embedded.processes import pause
from app.local.embedded.programs import postgres_programs

MAJOR_MIN = 15
START_S = 60.0
STOP_S = 60.0


@contextmanager
def own_folder(runner: Runner) -> Generator[Path]:
    """A folder of the runner's own, inside one that everybody may pass."""
    with tempfile.TemporaryDirectory(prefix="sixfold-servers-") as name:
        Path(name).chmod(0o755)
        own = Path(name) / "own"
        own.mkdir()
        runner.give(own)
        yield own


@contextmanager
def running(
    command: Sequence[str | Path], own: Path, runner: Runner, is_ready: Callable[[], bool]
) -> Generator[subprocess.Popen[bytes]]:
    """The command as a process in its own folder, once it is ready; SIGINT ends it."""
    log_path = own.parent / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command, cwd=own, stdout=log, stderr=log, **runner.popen_options()
        )
    try:
        deadline = time.monotonic() + START_S
        while not is_ready():
            ended = process.poll() is not None or time.monotonic() > deadline
            assert not ended, log_path.read_text()
            pause(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown; the others end as well.
        try:
            process.wait(STOP_S)
        finally:
            process.kill()


def system_postgres(runner: Runner) -> Path | None:
    """The folder of its programs: where Debian puts them, else beside the `postgres` of PATH.

    None where the runner cannot start them, whatever a machine has besides.
    """
    found = [program.parent for program in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    usable = [(_major(folder), folder) for folder in found if _can_start(runner, folder)]
    return max((one for one in usable if one[0] >= MAJOR_MIN), default=(0, None))[1]


def system_redis() -> str | None:
    """The path of the system's `redis-server`, where it runs."""
    program = shutil.which("redis-server")
    return program if program and not _told(program, "--version").returncode else None


@contextmanager
def postgres_cluster(
    own: Path, runner: Runner, port: int, *options: str, user: str, password: str
) -> Generator[str]:
    """The URL of a new cluster on loopback, the system's PostgreSQL or else the embedded one."""
    programs = system_postgres(runner) or postgres_programs(runner)
    secret, cluster = own / "password", own / "cluster"
    secret.write_text(password)
    runner.give(secret)
    subprocess.run(
        [
            *(programs / "initdb", "-D", cluster, "-U", user, "--pwfile", secret),
            *("--auth=scram-sha-256", "--locale=C", "--encoding=UTF8", "--no-sync"),
        ],
        cwd=own,
        capture_output=True,
        check=True,
        timeout=START_S,
        **runner.popen_options(),
    )
    command = [programs / "postgres", "-D", cluster, "-p", str(port), "-c", "fsync=off"]
    command += ["-h", LOOPBACK, *(options or ("-c", "unix_socket_directories="))]
    url = f"postgresql://{user}:{password}@{LOOPBACK}:{port}/postgres"
    with running(command, own, runner, lambda: _answers(url)):
        yield url


async def execute(url: str, *statements: str) -> None:
    """Runs each by itself on one connection."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _answers(url: str) -> bool:
    try:
        asyncio.run(execute(url, "SELECT 1"))
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    return True


def _can_start(runner: Runner, folder: Path) -> bool:
    return all(runner.can("-x", folder / name) for name in ("initdb", "postgres"))


def _major(folder: Path) -> int:
    """0 where the program does not run, or does not say."""
    number = re.search(r"(\d+)", _told(folder / "postgres", "-V").stdout)
    return int(number[1]) if number else 0


def _told(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_S)
