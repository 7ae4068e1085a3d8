"""PostgreSQL and Valkey of a run, a fresh database for each measurement, and its own secrets."""

import asyncio
import base64
import os
import tempfile
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
from alembic import command
from alembic.config import Config
from redis.asyncio import Redis

from app.credits.invariants import check_invariants
from app.database_connect import STATEMENT_TIMEOUT_S
from app.db import close_engine, open_engine
from app.local.embedded import start_postgres, start_valkey
from app.local.embedded.processes import Process
from app.local.embedded.server import Server

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = "bench_template"
CONNECTIONS_MAX = 1_200
AUTH_SECRET = "only for this benchmark, long enough for HS256"  # noqa: S105 (opens nothing)
ROLE_PASSWORD = "only-for-this-benchmark"  # noqa: S105 (opens nothing)
RECORDED = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_compression",
    "shared_buffers",
    "max_connections",
    "work_mem",
    "jit",
    "max_wal_size",
)


@dataclass(frozen=True)
class Services:
    """The servers of a run, and a folder for logs."""

    folder: Path
    server_url: str
    redis_url: str
    master_key: str
    postgres_pid: int
    valkey_pid: int

    @asynccontextmanager
    async def database(self, *, copy_of: str | None = None) -> AsyncGenerator[str]:
        """The URL of a migrated, empty database, or of a copy of one that nobody is connected to;
        Redis is emptied too.
        """
        name = f"bench_{uuid4().hex}"
        # Files are copied by far faster than blocks that go through the log.
        origin = f"{urlsplit(copy_of).path[1:]} STRATEGY FILE_COPY" if copy_of else TEMPLATE
        await _execute(self.server_url, f"CREATE DATABASE {name} TEMPLATE {origin}")
        async with Redis.from_url(self.redis_url) as redis:
            await redis.flushdb()
        try:
            yield _named(self.server_url, name)
        finally:
            await _execute(self.server_url, f"DROP DATABASE {name} WITH (FORCE)")

    async def settings(self) -> dict[str, Any]:
        """What the servers say of themselves."""
        connection = await asyncpg.connect(self.server_url)
        try:
            read = {name: await connection.fetchval(f"SHOW {name}") for name in RECORDED}
        finally:
            await connection.close()
        async with Redis.from_url(self.redis_url) as redis:
            about: Any = await redis.info("server")
        return {"postgres": read, "valkey": about.get("valkey_version") or about["redis_version"]}

    def environment(self, database_url: str, **more: str) -> dict[str, str]:
        """The environment of the product's processes, with nothing of a developer's own."""
        kept = {name: value for name, value in os.environ.items() if name[:8] != "SIXFOLD_"}
        return kept | {
            "SIXFOLD_DATABASE_URL": database_url,
            "SIXFOLD_REDIS_URL": self.redis_url,
            "SIXFOLD_MASTER_KEY": self.master_key,
            "SIXFOLD_AUTH_SECRET": AUTH_SECRET,
            **more,
        }

    def spawn(self, argv: Sequence[str], environment: dict[str, str], *, log: str) -> Process:
        """A process in a session of its own, to be ended by whoever started it."""
        return Process.spawn(argv, log=self.folder / log, cwd=ROOT, env=environment)


@contextmanager
def services() -> Generator[Services]:
    """Starts both servers in a temporary folder and migrates the template; stops them after."""
    with tempfile.TemporaryDirectory(prefix="sixfold-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # As root, the servers run as a user who must reach it.
        postgres = _roomy_postgres(folder / "instance")
        try:
            valkey = start_valkey(folder / "instance")
            try:
                _make_template(postgres.url)
                yield Services(
                    folder=folder,
                    server_url=postgres.url,
                    redis_url=valkey.url,
                    master_key="bench:" + base64.urlsafe_b64encode(os.urandom(32)).decode(),
                    postgres_pid=postgres.pid,
                    valkey_pid=valkey.pid,
                )
            finally:
                valkey.stop()
        finally:
            postgres.stop()


def _roomy_postgres(folder: Path) -> Server:
    """The embedded PostgreSQL with room for the sync design, which holds a connection a slot."""
    postgres = start_postgres(folder)
    try:
        asyncio.run(_execute(postgres.url, f"ALTER SYSTEM SET max_connections = {CONNECTIONS_MAX}"))
    finally:
        postgres.stop()
    return start_postgres(folder)


@asynccontextmanager
async def product_engine(
    database_url: str, *, statement_timeout_s: float | None = STATEMENT_TIMEOUT_S
) -> AsyncGenerator[None]:
    """The product's own engine, open in this process."""
    await open_engine(database_url, statement_timeout_s=statement_timeout_s)
    try:
        yield
    finally:
        await close_engine()


async def violations(database_url: str) -> int:
    """How many rows violate an invariant; the money is exact only with none."""
    async with product_engine(database_url, statement_timeout_s=None):  # Of a million jobs, too.
        return sum(finding.violations for finding in await check_invariants())


async def _execute(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _make_template(server_url: str) -> None:
    asyncio.run(_execute(server_url, f"CREATE DATABASE {TEMPLATE}"))
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("sqlalchemy.url", _named(server_url, TEMPLATE).replace("%", "%%"))
    passwords = {f"SIXFOLD_{name}_ROLE_PASSWORD": ROLE_PASSWORD for name in ("API", "WORKER")}
    os.environ |= passwords
    command.upgrade(config, "head")
    for name in passwords:
        del os.environ[name]


def as_role(database_url: str, role: str) -> str:
    """The same database as a role of the product."""
    parts = urlsplit(database_url)
    login = f"{role}:{ROLE_PASSWORD}@{parts.hostname}:{parts.port}"
    return parts._replace(netloc=login).geturl()


def _named(server_url: str, database: str) -> str:
    return urlsplit(server_url)._replace(path=f"/{database}").geturl()
