"""The embedded services: real servers, killed and left behind as crashes do it."""

import asyncio
import json
import multiprocessing
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.local import embedded
from app.local.embedded import DataDirInUse, EmbeddedFailed, EmbeddedUnavailable, programs
from app.local.embedded.data_dir import PORTS, free_port, is_free
from app.local.embedded.processes import (
    Process,
    command_line,
    start_mark,
    trim_log,
    wait_until,
)
from app.local.embedded.run_file import end_leftovers, record_children

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: under root its parents are closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="sixfold-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "instance"


@pytest.fixture
def services(data_dir: Path) -> Iterator[ExitStack]:
    """Stops what a test started, also when it fails."""
    with ExitStack() as stack:
        yield stack


async def run_sql(url: str, *statements: str) -> object:
    """The first value of the last statement."""
    connection = await asyncpg.connect(url, ssl=False)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def test_postgres_keeps_its_rows_port_and_promises_over_a_restart(data_dir, services):
    postgres = embedded.start_postgres(data_dir)
    services.callback(postgres.stop)
    await run_sql(postgres.url, "CREATE TABLE coins (n int)", "INSERT INTO coins VALUES (50)")
    url = postgres.url

    postgres.stop()
    assert not postgres.is_alive()
    again = embedded.start_postgres(data_dir)
    services.callback(again.stop)

    assert again.url == url
    assert await run_sql(again.url, "SELECT n FROM coins") == 50
    shown = {
        name: await run_sql(again.url, f"SHOW {name}")
        for name in ("fsync", "synchronous_commit", "data_checksums", "TimeZone")
    }
    assert shown == {
        "fsync": "on",
        "synchronous_commit": "on",
        "data_checksums": "on",
        "TimeZone": "UTC",
    }
    assert await run_sql(again.url, "SHOW listen_addresses") == "127.0.0.1"
    assert await run_sql(again.url, "SHOW unix_socket_directories") == ""
    assert again.port in PORTS


async def test_postgres_wants_the_password(data_dir, services):
    postgres = embedded.start_postgres(data_dir)
    services.callback(postgres.stop)
    wrong = postgres.url.replace(postgres.secrets.postgres_password, "postgres")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await run_sql(wrong, "SELECT 1")
    assert postgres.secrets.postgres_password not in command_line(postgres.pid)


async def test_a_killed_postgres_comes_back_on_the_same_port_with_its_rows(data_dir, services):
    postgres = embedded.start_postgres(data_dir)
    services.callback(postgres.stop)
    await run_sql(postgres.url, "CREATE TABLE coins (n int)", "INSERT INTO coins VALUES (50)")
    pid, url = postgres.pid, postgres.url

    os.kill(pid, signal.SIGKILL)
    postgres.restart()

    assert (postgres.pid != pid, postgres.url) == (True, url)
    assert await run_sql(url, "SELECT n FROM coins") == 50


async def test_a_killed_postgres_comes_back_though_a_query_of_it_still_computes(data_dir, services):
    postgres = embedded.start_postgres(data_dir)
    services.callback(postgres.stop)
    connection, watcher = [await asyncpg.connect(postgres.url, ssl=False) for _ in range(2)]
    services.callback(connection.terminate)
    services.callback(watcher.terminate)
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query = $1"
    for rows in (5_000_000, 20_000_000, 80_000_000):  # More, if it ended before it was seen.
        count = f"SELECT count(md5(i::text)) FROM generate_series(1, {rows}) i"
        query = asyncio.create_task(connection.fetchval(count))
        while not await watcher.fetchval(running, count) and not query.done():
            pass
        if not query.done():
            break
    assert not query.done()
    os.kill(postgres.pid, signal.SIGKILL)

    postgres.restart()

    assert await run_sql(postgres.url, "SELECT 1") == 1
    await asyncio.gather(query, return_exceptions=True)  # It may get its answer, or an error.


def test_servers_that_outlived_their_supervisor_are_taken_over(data_dir, services):
    postgres, valkey = embedded.start_postgres(data_dir), embedded.start_valkey(data_dir)
    services.callback(postgres.stop)
    services.callback(valkey.stop)

    found = embedded.start_postgres(data_dir), embedded.start_valkey(data_dir)

    assert [server.pid for server in found] == [postgres.pid, valkey.pid]
    assert [server.url for server in found] == [postgres.url, valkey.url]
    for server in found:
        server.stop()
    for server in (postgres, valkey):  # The last of its threads may end after its first.
        assert wait_until(lambda server=server: not server.is_alive(), 20)


def test_a_pid_file_that_names_another_program_is_no_obstacle(data_dir, services):
    postgres = embedded.start_postgres(data_dir)
    services.callback(postgres.stop)
    os.kill(postgres.pid, signal.SIGKILL)
    bystander = Process.spawn(
        ["/bin/sleep", "60"],
        log=data_dir / "sleep.log",
        cwd=Path("/"),
        env={},
        runner=postgres.runner,
    )
    services.callback(bystander.stop)
    pid_file = postgres.cluster / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")

    again = embedded.start_postgres(data_dir)
    services.callback(again.stop)

    assert again.is_alive()
    assert bystander.is_alive(), "the bystander was taken for the server and ended"


def test_a_port_that_was_taken_meanwhile_is_given_up(data_dir, services):
    valkey = embedded.start_valkey(data_dir)
    services.callback(valkey.stop)
    valkey.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", valkey.port))
        squatter.listen()
        again = embedded.start_valkey(data_dir)
        services.callback(again.stop)
        assert again.port != valkey.port
    assert is_free(valkey.port)


def test_valkey_is_expendable_and_wants_the_password(data_dir, services):
    valkey = embedded.start_valkey(data_dir)
    services.callback(valkey.stop)
    with redis.Redis.from_url(valkey.url) as client:
        client.set("wake", "up")
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "volatile-lru"
        assert client.config_get("databases")["databases"] == "64"
    with (
        redis.Redis(host="127.0.0.1", port=valkey.port, retry=Retry(NoBackoff(), 0)) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.get("wake")
    assert valkey.secrets.valkey_password not in command_line(valkey.pid)

    os.kill(valkey.pid, signal.SIGKILL)
    valkey.restart()

    with redis.Redis.from_url(valkey.url) as client:
        assert client.get("wake") is None


def test_services_do_not_run_as_root(data_dir, services):
    valkey = embedded.start_valkey(data_dir)
    services.callback(valkey.stop)
    postgres = embedded.start_postgres(data_dir)
    services.callback(postgres.stop)
    for server in (valkey, postgres):
        owner = subprocess.run(
            ["ps", "-o", "uid=", "-p", str(server.pid)], capture_output=True, text=True, check=True
        )
        assert int(owner.stdout) != 0
        assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700


async def test_a_closed_parent_folder_keeps_its_mode_and_the_service_works(data_dir, services):
    closed = data_dir.parent / "closed"
    closed.mkdir(mode=0o700)
    postgres = embedded.start_postgres(closed / "instance")
    services.callback(shutil.rmtree, postgres.folder, ignore_errors=True)
    services.callback(postgres.stop)
    place = (closed / "instance" / "postgres").resolve()

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert await run_sql(postgres.url, "SELECT 1") == 1
    postgres.stop()
    again = embedded.start_postgres(closed / "instance")
    services.callback(again.stop)
    assert again.folder == place


def _hold_lock(data_dir: str, ready: object, release: object) -> None:
    with embedded.lock_data_dir(Path(data_dir)):
        ready.set()
        release.wait(30)


def test_a_second_holder_of_the_data_folder_is_refused_until_the_first_dies(data_dir):
    ready, release = SPAWN.Event(), SPAWN.Event()
    holder = SPAWN.Process(target=_hold_lock, args=(str(data_dir), ready, release))
    holder.start()
    try:
        assert ready.wait(30)
        with (
            pytest.raises(DataDirInUse, match=f"pid {holder.pid}"),
            embedded.lock_data_dir(data_dir),
        ):
            pass
    finally:
        holder.kill()
        holder.join(30)
        holder.close()
    with embedded.lock_data_dir(data_dir):
        pass


def test_secrets_are_private_strong_and_stable(data_dir):
    first = embedded.load_or_create_secrets(data_dir)
    path = data_dir / "secrets.json"

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert embedded.load_or_create_secrets(data_dir) == first
    assert first.master_key.startswith("k1:")
    assert len(first.auth_secret.encode()) >= 32
    assert first.auth_secret not in repr(first)
    assert sorted(p.name for p in data_dir.iterdir()) == ["logs", "secrets.json"]


def test_damaged_secrets_are_reported_without_being_shown_or_replaced(data_dir):
    embedded.load_or_create_secrets(data_dir)
    path = data_dir / "secrets.json"
    path.write_text('{"master_key": "k1:precious"')
    with pytest.raises(EmbeddedFailed, match="damaged") as caught:
        embedded.load_or_create_secrets(data_dir)
    assert "precious" not in str(caught.value)
    assert "precious" in path.read_text()


def test_secrets_that_do_not_fit_the_cluster_are_reported(data_dir, services):
    embedded.start_postgres(data_dir).stop()
    path = data_dir / "secrets.json"
    other = json.loads(path.read_text()) | {"postgres_password": "another"}
    path.write_text(json.dumps(other))
    with pytest.raises(EmbeddedFailed, match="password"):
        embedded.start_postgres(data_dir)


@pytest.mark.parametrize(
    ("platform", "libc", "reason"),
    [
        ("win32", "", "not for win32"),
        ("linux", "", "another C library"),
        ("linux", "glibc 2.17", "glibc 2.28"),
    ],
)
def test_an_unsupported_platform_says_what_to_set(monkeypatch, data_dir, platform, libc, reason):
    monkeypatch.setattr(programs.sys, "platform", platform)
    monkeypatch.setattr(programs.os, "confstr", lambda _: libc)
    with pytest.raises(EmbeddedUnavailable, match=reason) as caught:
        programs.postgres_programs(embedded.data_dir.Runner())
    assert "SIXFOLD_DATABASE_URL" in str(caught.value)
    assert "SIXFOLD_REDIS_URL" in str(caught.value)


def test_a_missing_extra_says_what_to_set(monkeypatch):
    monkeypatch.setattr(programs, "POSTGRES_PACKAGE", "no_such_package")
    with pytest.raises(EmbeddedUnavailable, match=r"extra `embedded`.*SIXFOLD_DATABASE_URL"):
        programs.postgres_programs(embedded.data_dir.Runner())


def test_a_left_over_child_is_ended_and_a_recycled_pid_is_not(data_dir, services):
    embedded.load_or_create_secrets(data_dir)
    argv = [sys.executable, "-c", "import time; time.sleep(60)"]
    left, recycled = (
        Process.spawn(argv, log=data_dir / "child.log", cwd=Path("/"), env={}) for _ in range(2)
    )
    services.callback(recycled.stop)
    record_children(data_dir, {"api": left, "worker": recycled})
    noted = json.loads((data_dir / "children.json").read_text())
    noted["worker"]["started"] = "1"
    (data_dir / "children.json").write_text(json.dumps(noted))

    assert end_leftovers(data_dir, grace_s=10) == ["api"]

    assert start_mark(left.pid) is None
    assert recycled.is_alive()
    assert not (data_dir / "children.json").exists()
    left.wait(10)


def test_a_log_is_cut_in_place_and_its_writer_goes_on(tmp_path):
    log = tmp_path / "api.log"
    with log.open("a") as writer:
        writer.write("old\n" * 100)
        writer.flush()
        trim_log(log, bytes_max=50)
        writer.write("new\n")
    assert log.read_text() == "new\n"
    assert log.with_name("api.log.1").read_text().count("old") == 100


def test_a_free_port_is_outside_the_range_of_outgoing_connections():
    port = free_port()
    assert port in PORTS
    assert is_free(port)
