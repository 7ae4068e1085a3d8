"""Deleted means deleted: what opened a chat is nowhere on the disk."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from app.chats.key_storage import count_late_erasures, erase_deleted_keys
from app.chats.storage import list_chats, load_chat
from app.crypto import KeyRing
from app.db import snapshot, transaction
from app.jobs.chat_deletion import delete_chat
from tests.support.jobs import store_chat
from tests.support.on_disk import chunks_of, found_in, write_down
from tests.support.waiting import until

pytestmark = pytest.mark.usefixtures("engine")

DELETE = "DELETE FROM chats WHERE id = :id"


async def wrapped(chat_id: UUID) -> list[bytes]:
    """What the chat's wrapped key is looked for by."""
    async with snapshot() as connection:
        found = await connection.execute(
            text("SELECT sealed_key FROM chat_keys WHERE chat_id = :id"), {"id": chat_id}
        )
        return chunks_of(found.scalar_one())


OnDisk = Callable[[list[bytes]], Awaitable[dict[bytes, set[str]]]]


@pytest.fixture
def on_disk(database_url: str) -> OnDisk:
    async def look(needles: list[bytes]) -> dict[bytes, set[str]]:
        return await asyncio.to_thread(found_in, await write_down(database_url), needles)

    return look


async def delete_by_sql(chat_id: UUID) -> None:
    """As the release before does, which knows no `chat_keys`."""
    async with transaction() as connection:
        await connection.execute(text(DELETE), {"id": chat_id})


async def erased() -> bool:
    return await erase_deleted_keys()


async def test_the_wrapped_key_of_a_deleted_chat_is_nowhere_in_the_data_folder(
    keyring: KeyRing, on_disk: OnDisk
) -> None:
    chat_id = await store_chat(keyring, "alice")
    key = await wrapped(chat_id)
    assert len(await on_disk(key)) == len(key)
    await delete_chat("alice", chat_id)
    await until(erased)
    assert await on_disk(key) == {}


async def test_of_many_keys_on_many_pages_only_the_deleted_ones_vanish(
    keyring: KeyRing, on_disk: OnDisk
) -> None:
    """In the middle of pages, at their ends, whole pages of them, and pages that are full."""
    chats = [
        await store_chat(keyring, f"user-{number % 7}", is_prepared=False) for number in range(120)
    ]
    keys = [(await wrapped(chat_id))[1::6] for chat_id in chats]
    gone = {place for place in range(120) if place % 3 == 0 or 40 <= place < 70}
    await asyncio.gather(*(delete_by_sql(chats[place]) for place in sorted(gone)[::2]))
    await until(erased)
    await asyncio.gather(*(delete_by_sql(chats[place]) for place in sorted(gone)[1::2]))
    await until(erased)
    found = await on_disk([chunk for key in keys for chunk in key])
    assert {place for place in range(120) if any(chunk in found for chunk in keys[place])} == (
        set(range(120)) - gone
    )
    for place in set(range(120)) - gone:
        await load_chat(keyring, f"user-{place % 7}", chats[place])


async def test_a_key_that_an_open_transaction_can_see_vanishes_when_that_has_ended(
    keyring: KeyRing, database_url: str, on_disk: OnDisk
) -> None:
    chat_id = await store_chat(keyring, "alice")
    key = await wrapped(chat_id)
    reader = await asyncpg.connect(database_url)
    reading = reader.transaction(isolation="repeatable_read", readonly=True)
    await reading.start()
    await reader.fetchval("SELECT count(*) FROM chats")
    await delete_chat("alice", chat_id)
    assert not await erase_deleted_keys()
    assert await reader.fetchval("SELECT count(*) FROM chat_keys") == 1
    await reading.rollback()
    await reader.close()
    await until(erased)
    assert await on_disk(key) == {}


async def test_an_erasure_is_asked_for_with_the_deletion_and_forgotten_when_done(
    keyring: KeyRing,
) -> None:
    chat_id = await store_chat(keyring, "alice")
    assert await erase_deleted_keys()
    await delete_by_sql(chat_id)
    async with transaction() as connection:
        aged = await connection.execute(
            text("UPDATE key_erasures SET at = at - interval '2 hours' RETURNING id")
        )
        assert len(aged.all()) == 1
    assert await count_late_erasures() == 1
    await until(erased)
    assert await count_late_erasures() == 0


async def test_where_nothing_may_vacuum_an_erasure_stays_asked_for(
    keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_table: str) -> bool:
        return False

    monkeypatch.setattr("app.chats.key_storage.vacuum", refused)
    chat_id = await store_chat(keyring, "alice")
    await delete_chat("alice", chat_id)
    assert not await erase_deleted_keys()


async def test_where_the_role_may_not_vacuum_a_vacuum_of_another_is_enough(
    keyring: KeyRing, on_disk: OnDisk, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As autovacuum is on PostgreSQL 15 and 16, where that right cannot be given."""

    async def refused(_table: str) -> bool:
        return False

    monkeypatch.setattr("app.chats.key_storage.vacuum", refused)
    chat_id = await store_chat(keyring, "alice")
    key = await wrapped(chat_id)
    await delete_by_sql(chat_id)
    assert not await erased()
    assert await on_disk(key)
    owner = await asyncpg.connect(database_url)
    await owner.execute("VACUUM chat_keys")
    await owner.close()
    await erased()  # It is written over at once; that it is done is known a minute later.
    assert await on_disk(key) == {}


async def test_writing_over_leaves_no_row(keyring: KeyRing) -> None:
    kept = await store_chat(keyring, "alice")
    await delete_by_sql(await store_chat(keyring, "alice"))
    await until(erased)
    async with snapshot() as connection:
        rows = (await connection.execute(text("SELECT chat_id FROM chat_keys"))).scalars().all()
    assert rows == [kept]
    assert [one.id for one in await list_chats(keyring, "alice", limit=5, after=None)] == [kept]
