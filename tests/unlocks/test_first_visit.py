"""Unlocks of users that nobody has seen before."""

import asyncio
from uuid import UUID

from sqlalchemy import Engine, event, text
from sqlalchemy.util import await_only

from app.credits.accounts import ensure_account
from app.credits.service import CreditService
from app.crypto import KeyRing
from app.db import snapshot, transaction
from tests.support.jobs import assert_healthy, store_chat, unlock

WRITES = "opened AS"
USER = "newcomer"


async def test_an_unlock_survives_that_its_account_is_opened_and_moved_by_another(
    engine: None, keyring: KeyRing
) -> None:
    """Its first statement finds no account; then there is one, which another is moving."""
    chat: UUID = await store_chat(keyring, USER)
    writes: list[str] = []
    movers: list[asyncio.Task[None]] = []

    def after(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if WRITES in statement:
            writes.append(statement)
            if len(writes) == 1:
                await_only(ensure_account(USER))
                movers.append(await_only(_moving()))

    event.listen(Engine, "after_cursor_execute", after)
    try:
        unlocked = await unlock(USER, chat)
    finally:
        event.remove(Engine, "after_cursor_execute", after)
        await asyncio.gather(*movers)
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
