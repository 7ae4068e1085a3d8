"""The product behind PgBouncer: in session mode, and in transaction mode, where the sessions of
the server change hands after every transaction."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from sqlalchemy import text

from app.acting import for_users
from app.credits.accounts import grant_coins, opened_balance
from app.credits.invariants import check_invariants
from app.database_connect import find_pooler
from app.database_url import parse_database_url
from app.db import close_engine, in_statement, in_transaction, lone_read, open_engine, snapshot
from app.faults import Step
from app.local.embedded.data_dir import free_port
from app.settings import Settings
from app.users.auth import issue_token
from tests.database.bouncer import SESSIONS, pgbouncer
from tests.support.environment import API_ROLE, POSTGRES, as_role
from tests.support.processes import Client, Processes, run_sixfold, until_ready, worker

MODES = ("session", "transaction")


@pytest.fixture(params=MODES)
def pooled_url(request: pytest.FixtureRequest, database_url: str) -> Any:
    with pgbouncer(database_url, mode=request.param) as url:
        yield url


@pytest.fixture
async def engine(pooled_url: str) -> AsyncIterator[None]:
    await open_engine(pooled_url, pool_size=12)
    yield
    await close_engine()


async def test_a_pooler_is_found_by_asking_who_answers(pooled_url: str) -> None:
    assert await find_pooler(parse_database_url(pooled_url)) is True


async def test_users_whose_transactions_share_sessions_see_their_own_rows_alone(
    database_url: str,
) -> None:
    """What one transaction was held to does not hold for the next one of its session."""
    limited = as_role(database_url, API_ROLE)
    with pgbouncer(limited, mode="transaction") as url:
        await open_engine(url, pool_size=12, per_user=True)

        async def look(user: str) -> set[str]:
            with for_users(user):
                await opened_balance(user)
                async with lone_read() as connection:
                    found = await connection.execute(text("SELECT user_id FROM accounts"))
                    return {row.user_id for row in found}

        users = [f"user-{number}" for number in range(40)]
        try:
            for _ in range(3):
                assert await asyncio.gather(*map(look, users)) == [{user} for user in users]
            async with lone_read() as connection:  # For nobody.
                found = await connection.execute(text("SELECT user_id FROM accounts"))
                assert found.all() == []
        finally:
            await close_engine()


@pytest.mark.usefixtures("engine")
async def test_statements_of_many_at_once_get_their_own_answers() -> None:
    """Of two clients that share a session, each might run what the other has prepared."""

    async def ask(number: int) -> tuple[int, ...]:
        one, two = text(f"SELECT {number} + CAST(:n AS int)"), text(f"SELECT {number} * 2")
        async with lone_read() as connection:
            first = (await connection.execute(one, {"n": 1})).scalar_one()
        async with snapshot() as connection:
            second = (await connection.execute(two)).scalar_one()
        rows = await in_statement(one, {"n": 2}, step=Step.STORE)

        async def work(connection: Any) -> int:
            await asyncio.sleep(0)
            return (await connection.execute(one, {"n": 3})).scalar_one()

        return first, second, rows[0][0], await in_transaction(work)

    for _ in range(5):
        told = await asyncio.gather(*(ask(number) for number in range(40)))
        assert told == [(n + 1, n * 2, n + 2, n + 3) for n in range(40)]


@pytest.mark.usefixtures("engine")
async def test_every_transaction_has_its_limits_and_leaves_none_behind(pooled_url: str) -> None:
    limits = text("SELECT current_setting('lock_timeout'), current_setting('jit')")
    async with snapshot() as connection:
        assert (await connection.execute(limits)).one() == ("4s", "off")
    raw = await asyncpg.connect(pooled_url, statement_cache_size=0)
    async with raw.transaction():
        assert await raw.fetchval("SELECT current_setting('lock_timeout')") == "0"
    await raw.close()


@pytest.mark.usefixtures("engine")
async def test_the_ledger_is_right_when_its_sessions_are_shared() -> None:
    async def earn(user: str, turn: int) -> None:
        await opened_balance(user)
        await grant_coins(user, coins=1, reason="turn", reference=str(turn), actor="operator")

    users = [f"user-{number}" for number in range(8)]
    await asyncio.gather(*(earn(user, turn) for user in users for turn in range(6)))
    balances = await asyncio.gather(*(opened_balance(user) for user in users))
    assert {balance.available for balance in balances} == {56}
    assert all(finding.violations == 0 for finding in await check_invariants())


async def test_settings_that_the_pooler_only_ignores_hide_it_from_nobody(database_url: str) -> None:
    ignored = "ignore_startup_parameters = jit, lock_timeout, idle_in_transaction_session_timeout"
    with pgbouncer(database_url, mode="transaction", more=ignored) as url:
        assert await find_pooler(parse_database_url(url)) is True


@pytest.mark.parametrize("mode", MODES)
async def test_the_product_migrates_sells_and_checks_through_a_pooler(
    mode: str, settings: Settings, environment: dict[str, str], tmp_path: Path
) -> None:
    name = f"t_{uuid4().hex}"
    server = await asyncpg.connect(os.environ[POSTGRES])
    await server.execute(f"CREATE DATABASE {name}")
    empty = settings.database_url.rpartition("/")[0] + f"/{name}"
    try:
        with pgbouncer(empty, mode=mode) as url:
            await _sell(environment | at(url), settings, tmp_path)
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await server.close()


def at(url: str) -> dict[str, str]:
    """Settings of processes that all work as the owner there."""
    return {"SIXFOLD_DATABASE_URL": url, "SIXFOLD_MIGRATION_DATABASE_URL": url}


async def _sell(environment: dict[str, str], settings: Settings, tmp_path: Path) -> None:
    assert (await run_sixfold(environment, "migrate"))[0] == 0
    processes = Processes(environment, tmp_path / "log")
    port = free_port()
    processes.start("-m", "app.cli", "serve", "--port", str(port))
    processes.start(*worker())
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as http:
            await until_ready(http)
            users = [Client(http, issue_token(settings, f"u{n}", (), 600)) for n in range(SESSIONS)]
            sold = await asyncio.gather(*(_unlocked(user) for user in users))
        assert [one["settlement"]["state"] for one in sold] == ["captured"] * SESSIONS
        code, _ = await run_sixfold(environment, "check")
        assert code == 0
    finally:
        processes.end_all()


async def _unlocked(user: Client) -> dict[str, Any]:
    return await user.finished(await user.unlock((await user.upload())["id"]))
