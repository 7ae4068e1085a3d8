"""A process says at its start that its role of the database is bound by nothing."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs
from taskiq import TaskiqState

from app import telemetry
from app.db import close_engine, open_engine
from app.main import create_app
from app.role_check import check_role
from app.settings import Settings
from tests.support.environment import API_ROLE, ROLE_PASSWORD, WORKER_ROLE, as_role
from tests.support.waiting import until
from workers.process import start_worker, stop_worker

ROLE = f"of_a_test_{uuid4().hex}"
"""Roles are the server's, which other test processes use too."""


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.execute(f"DROP OWNED BY {ROLE} CASCADE; DROP ROLE {ROLE}")
        await connection.close()


async def warned(url: str) -> list[Any]:
    await open_engine(url)
    try:
        with capture_logs() as logs:
            await check_role()
    finally:
        await close_engine()
    found = [one for one in logs if one["event"] == "database.role_unbound"]
    assert telemetry.database_role_unbound._value.get() == len(found)
    return [(one["role"], one["reasons"]) for one in found]


@pytest.mark.parametrize(
    ("rights", "reasons"),
    [
        ("SUPERUSER", ["is_superuser", "bypasses_row_security", "owns_tables"]),
        ("BYPASSRLS", ["bypasses_row_security"]),
        ("ROLE", ["owns_tables"]),
        ("", []),
    ],
)
async def test_a_role_that_nothing_binds_is_told(
    owner: asyncpg.Connection, database_url: str, rights: str, reasons: list[str]
) -> None:
    attributes = rights if rights != "ROLE" else ""
    await owner.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE_PASSWORD}' {attributes}")
    if rights == "ROLE":
        await owner.execute(f"ALTER TABLE sweeps OWNER TO {ROLE}")
    found = await warned(as_role(database_url, ROLE))
    assert found == ([(ROLE, reasons)] if reasons else [])


async def test_a_role_that_may_become_the_owner_is_told(
    owner: asyncpg.Connection, database_url: str
) -> None:
    await owner.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE_PASSWORD}' NOINHERIT")
    await owner.execute(f"GRANT {urlsplit(database_url).username} TO {ROLE}")
    ((role, reasons),) = await warned(as_role(database_url, ROLE))
    assert role == ROLE
    assert "owns_tables" in reasons


@pytest.mark.parametrize("role", [API_ROLE, WORKER_ROLE])
async def test_the_roles_of_the_product_are_bound(database_url: str, role: str) -> None:
    assert await warned(as_role(database_url, role)) == []


async def test_an_api_and_a_worker_look_at_their_start(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    unbound = telemetry.database_role_unbound
    unbound.set(0)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await until(lambda: unbound._value.get() == 1)
    unbound.set(0)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIXFOLD_DATABASE_URL", settings.database_url)
    state = TaskiqState()
    await start_worker(state)
    try:
        await until(lambda: unbound._value.get() == 1)
    finally:
        await stop_worker(state)
