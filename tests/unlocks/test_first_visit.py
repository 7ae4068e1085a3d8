"""Unlocks of users that nobody has seen before."""

import asyncio
from typing import Any
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import TextClause, text

from app.credits.accounts import ensure_account
from app.credits.service import CreditService
from app.crypto import KeyRing
from app.db import snapshot, transaction
from app.driver import DriverConnection
from tests.support.jobs import assert_healthy, store_chat, unlock
from tests.support.statements import noted_statements

WRITES = "opened AS"
USER = "newcomer"


async def test_an_unlock_survives_that_its_account_is_opened_and_moved_by_another(
    engine: None, keyring: KeyRing
) -> None:
    """Its first statement finds no account; then there is one, which another is moving."""
    chat: UUID = await store_chat(keyring, USER)
    movers: list[asyncio.Task[None]] = []

    with noted_statements() as statements:
        execute = DriverConnection.execute

        async def execute_and_open(
            connection: DriverConnection, statement: TextClause, values: Any = None
        ) -> Any:
            rows = await execute(connection, statement, values)
            if WRITES in statement.text and not movers:
                await ensure_account(USER)
                movers.append(await _moving())
            return rows

        with patch.object(DriverConnection, "execute", execute_and_open):
            unlocked = await unlock(USER, chat)
        await asyncio.gather(*movers)
    writes = [one for one in statements if WRITES in one.text]
    assert (unlocked.available, unlocked.held, len(writes)) == (5, 50, 2)
    await assert_healthy()


async def _moving() -> "asyncio.Task[None]":
    """Another transaction has moved the account, and commits once somebody waits for it."""
    has_moved = asyncio.Event()

    async def move() -> None:
        async with transaction() as connection:
            await CreditService(connection).grant(
                USER, coins=5, reason="gift", reference="gift", actor="friend"
            )
            has_moved.set()
            await _until_transaction_waits()

    task = asyncio.create_task(move())
    await has_moved.wait()
    return task


async def _until_transaction_waits() -> None:
    async with asyncio.timeout(60):
        while True:
            async with snapshot() as connection:
                if (await connection.execute(_WAITING)).scalar():
                    return


_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")
