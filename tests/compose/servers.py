"""PostgreSQL and Redis as the operating system ships them; else the embedded ones of the run."""

import asyncio
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from app.local.embedded.place import LOOPBACK, Runner, free_port, new_runner
from app.local.embedded.processes import pause

MAJOR_MIN = 15
START_S = 60.0
STOP_S = 60.0


@contextmanager
def empty_database(embedded_url: str, *, user: str, password: str) -> Generator[str]:
    """The URL of a database with nothing in it, on the newest PostgreSQL of the system."""
    programs = _system_postgres()
    if programs is not None:
        with _postgres(programs, user=user, password=password) as url:
            yield url
        return
    name = f"t_{uuid4().hex}"
    asyncio.run(_execute(embedded_url, f"CREATE DATABASE {name}"))
    yield urlsplit(embedded_url)._replace(path=f"/{name}").geturl()
    asyncio.run(_execute(embedded_url, f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def empty_redis(embedded_url: str, *, password: str) -> Generator[str]:
    """The URL of a Redis with nothing in it, on the server of the system."""
    program = shutil.which("redis-server")
    if program is None:
        with Redis.from_url(embedded_url) as redis:
            redis.flushdb()
        yield embedded_url
        return
    with _folder(Runner()) as folder:
        port = free_port()
        config = f'bind {LOOPBACK}\nport {port}\nrequirepass {password}\nsave ""\ndir {folder}\n'
        (folder / "redis.conf").write_text(config)
        url = f"redis://:{password}@{LOOPBACK}:{port}/0"
        with _running([program, folder / "redis.conf"], folder, Runner()) as process:
            _wait(lambda: _answers(url), process, folder)
            yield url


def _system_postgres() -> Path | None:
    """The folder of its programs: where Debian puts them, else beside the `postgres` of PATH."""
    found = [program.parent for program in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    usable = [(_major(folder), folder) for folder in found if (folder / "initdb").exists()]
    return max((one for one in usable if one[0] >= MAJOR_MIN), default=(0, None))[1]


def _major(folder: Path) -> int:
    told = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=True)
    number = re.search(r"(\d+)", told.stdout)
    return int(number[1]) if number else 0


@contextmanager
def _postgres(programs: Path, *, user: str, password: str) -> Generator[str]:
    runner = new_runner()
    with _folder(runner) as folder:
        secret, cluster, port = folder / "password", folder / "cluster", free_port()
        secret.write_text(password)
        runner.give(secret)
        subprocess.run(
            [
                *(programs / "initdb", "-D", cluster, "-U", user, "--pwfile", secret),
                *("--auth=scram-sha-256", "--locale=C", "--encoding=UTF8", "--no-sync"),
            ],
            cwd=folder,
            capture_output=True,
            check=True,
            timeout=START_S,
            **runner.popen_options(),
        )
        command = [programs / "postgres", "-D", cluster, "-p", str(port), "-c", "fsync=off"]
        command += ["-h", LOOPBACK, "-c", "unix_socket_directories="]
        server_url = f"postgresql://{user}:{password}@{LOOPBACK}:{port}/postgres"
        with _running(command, folder, runner) as process:
            _wait(lambda: _is_made(server_url, user), process, folder)
            yield urlsplit(server_url)._replace(path=f"/{user}").geturl()


@contextmanager
def _folder(runner: Runner) -> Generator[Path]:
    """Of the runner's own, inside one that everybody may pass."""
    with tempfile.TemporaryDirectory(prefix="sixfold-compose-") as name:
        Path(name).chmod(0o755)
        own = Path(name) / "own"
        own.mkdir()
        runner.give(own)
        yield own


@contextmanager
def _running(
    command: list[str | Path], folder: Path, runner: Runner
) -> Generator[subprocess.Popen[bytes]]:
    with (folder.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, **runner.popen_options()
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown; Redis ends as well.
        try:
            process.wait(STOP_S)
        finally:
            process.kill()


def _wait(is_ready: Callable[[], bool], process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + START_S
    while not is_ready():
        ended = process.poll() is not None or time.monotonic() > deadline
        assert not ended, (folder.parent / "log").read_text()
        pause(0.05)


def _is_made(server_url: str, database: str) -> bool:
    try:
        asyncio.run(_execute(server_url, f"CREATE DATABASE {database}"))
    except (OSError, asyncpg.CannotConnectNowError):
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as redis:
            return bool(redis.ping())
    except RedisAway:
        return False


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
