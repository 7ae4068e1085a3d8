"""Real PostgreSQL and Valkey for every test: one instance a run, one fresh database a test.

The controlling process starts them, migrates a template once and hands the URLs to the test
processes through the environment; each test gets a clone of the template.
"""

import os
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
from redis.asyncio import BlockingConnectionPool, Redis

from app.db import close_engine, open_engine
from app.local.embedded import Postgres, Valkey, start_postgres, start_valkey
from app.logging import configure_logging
from app.settings import Settings
from tests.chaos.network import can_drop_packets
from tests.database import bouncer
from tests.provider_stub import ProviderStub
from tests.support import browser
from tests.support.environment import (
    API_ROLE,
    POSTGRES,
    ROLE_PASSWORD,
    TEMPLATE,
    VALKEY,
    WORKER_ROLE,
    create_database,
    drop_database,
    environment_of,
    settings_of,
    url_of,
)
from tests.support.history import has_history
from tests.support.servers import execute

pytest_plugins = ["tests.support.jobs", "tests.support.models", "tests.support.processes"]


@dataclass(frozen=True)
class Need:
    """What some tests need of a machine; without it a file of that name is not collected."""

    tests: str
    lacking: str
    is_met: Callable[[], bool]


NEEDS = (
    Need(
        "test_pgbouncer.py",
        "Its program is in the package pgbouncer.",
        lambda: bouncer.PROGRAM is not None,
    ),
    Need(
        "in_browser",
        "Its program is in the package chromium.",
        lambda: browser.PROGRAM is not None,
    ),
    Need("test_two_releases.py", "It needs git and the history of the project.", has_history),
    Need("test_network.py [packets]", "It needs root and network namespaces.", can_drop_packets),
)


@dataclass
class _Services:
    folder: tempfile.TemporaryDirectory[str]
    postgres: Postgres
    valkey: Valkey


_SERVICES = pytest.StashKey[_Services]()

HURRIED = ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
"""What only the loss of power would show: tests of durability kill servers of their own."""

# How long an example takes, or is thought up, is up to the machine.
hypothesis.settings.register_profile(
    "sixfold", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("sixfold")


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if name.startswith("SIXFOLD_")]:
        if name not in {POSTGRES, VALKEY}:
            del os.environ[name]  # A developer's own settings must not leak into tests.
    configure_logging(json=True, level="WARNING")  # Tracebacks for people cost seconds.
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    folder = tempfile.TemporaryDirectory(prefix="sixfold-tests-")
    Path(folder.name).chmod(0o755)
    data_dir = Path(folder.name) / "instance"
    postgres, valkey = start_postgres(data_dir), start_valkey(data_dir)
    config.stash[_SERVICES] = _Services(folder, postgres, valkey)
    os.environ[POSTGRES], os.environ[VALKEY] = postgres.url, valkey.url
    _in_loop(execute(postgres.url, *HURRIED))
    _make_template(postgres.url)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    unmet = any(need.tests == collection_path.name and not need.is_met() for need in NEEDS)
    return True if unmet else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for need in NEEDS:
        if not need.is_met():
            terminalreporter.write_line(f"Not run: {need.tests}. {need.lacking}")


def pytest_unconfigure(config: pytest.Config) -> None:
    services = config.stash.get(_SERVICES, None)
    if services is not None:
        services.valkey.stop()
        services.postgres.stop()
        services.folder.cleanup()


def _make_template(server_url: str) -> None:
    # Imported here: alembic logs on import, and test processes never migrate.
    from alembic import command
    from alembic.config import Config

    _in_loop(execute(server_url, f"CREATE DATABASE {TEMPLATE}"))
    config = Config("alembic.ini")
    config.set_main_option("sqlalchemy.url", url_of(TEMPLATE).replace("%", "%%"))
    passwords = {
        "SIXFOLD_API_ROLE_PASSWORD": ROLE_PASSWORD,
        "SIXFOLD_WORKER_ROLE_PASSWORD": ROLE_PASSWORD,
    }
    os.environ |= passwords
    command.upgrade(config, "head")
    for name in passwords:
        del os.environ[name]
    # So that one process of a test can be both, in turns: tests.support.rights.
    member = f"GRANT {WORKER_ROLE} TO {API_ROLE} WITH INHERIT FALSE, SET TRUE"
    _in_loop(execute(server_url, member))


def _in_loop(coroutine: Any) -> None:
    import asyncio

    asyncio.run(coroutine)


@pytest.fixture
async def database_url() -> AsyncIterator[str]:
    """A fresh, migrated, empty database."""
    url = await create_database()
    yield url
    await drop_database(url)


@pytest.fixture(scope="session")
def redis_url(worker_number: int) -> str:
    """An own Redis database of this test process; `redis` empties it."""
    return urlsplit(os.environ[VALKEY])._replace(path=f"/{worker_number}").geturl()


@pytest.fixture(scope="session")
def worker_number() -> int:
    """1, 2, … for the test processes."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client on this test's emptied Redis database.

    As the product's, it waits for a connection: the default pool raises at a hundred of them.
    """
    pool = BlockingConnectionPool.from_url(
        redis_url, max_connections=50, timeout=60, socket_timeout=60, socket_connect_timeout=60
    )
    async with Redis.from_pool(pool) as client:
        await client.flushdb()
        yield client


@pytest.fixture
async def stub() -> AsyncIterator[ProviderStub]:
    """A provider on loopback that answers well until it is told otherwise."""
    async with ProviderStub() as running:
        yield running


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """The settings of an instance on this test's database and Redis."""
    return settings_of(database_url, redis_url)


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    """The environment in which another process has these settings, with the rights of a worker."""
    return environment_of(settings)


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[None]:
    """The process's engine, open on this test's database."""
    await open_engine(settings.database_url)
    yield
    await close_engine()
