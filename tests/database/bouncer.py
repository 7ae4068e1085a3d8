"""PgBouncer as Debian packages it, in front of the run's PostgreSQL."""

import shutil
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.local.embedded.data_dir import LOOPBACK, free_port, new_runner
from tests.support.servers import own_folder, running

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SESSIONS = 3
"""Of the server, for all clients: fewer than they are, so that a session changes hands."""

CONFIG = """\
[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = {mode}
default_pool_size = {sessions}
max_client_conn = 200
{more}
"""


@contextmanager
def pgbouncer(database_url: str, *, mode: str, more: str = "") -> Generator[str]:
    """The URL of the same database behind a PgBouncer; `more` are lines of its configuration."""
    assert PROGRAM is not None
    runner, parts, port = new_runner(), urlsplit(database_url), free_port()
    url = parts._replace(
        netloc=f"{parts.username}:{parts.password}@{LOOPBACK}:{port}",
        query="sslmode=disable",
    ).geturl()
    with own_folder(runner) as own:
        users, config = own / "users.txt", own / "pgbouncer.ini"
        users.write_text(f'"{parts.username}" "{parts.password}"\n')
        # In session mode each client keeps a session.
        sessions = SESSIONS if mode == "transaction" else 50
        values = {"host": LOOPBACK, "server_port": parts.port, "port": port, "users": users}
        config.write_text(CONFIG.format(**values, mode=mode, sessions=sessions, more=more))
        with running([Path(PROGRAM), config], own, runner, lambda: _listens(port)):
            yield url


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port)).close()
    except OSError:
        return False
    return True
