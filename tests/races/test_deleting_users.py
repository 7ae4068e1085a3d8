"""A user is deleted while they unlock, upload, or are charged: nothing of theirs is left over."""

import asyncio
from collections.abc import Awaitable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.credits.accounts import ensure_account, grant_coins, opened_balance, read_statement
from app.credits.service import CreditService
from app.credits.sql import EVERY_ROW
from app.crypto import KeyRing
from app.db import snapshot, transaction
from app.errors import NotFound, UserDeleted
from app.faults import Moment, Step
from app.jobs.archive import archive_jobs
from app.jobs.cancel import cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.user_deletion import DeletedUser, delete_user
from app.users.auth import is_user_id
from app.users.deleted import DeletedUsers
from tests.support.barriers import Barriers, until_transaction_waits
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    execute,
    store_chat,
    unlock,
)
from tests.support.waiting import until

TABLES = (
    *("accounts", "entries", "reservations", "jobs", "insights", "chats", "chat_blocks"),
    *("chat_keys", "prepared_chats", "sent_prompts", "archived_jobs", "archived_entries"),
    *("archived_reservations", "archived_insights"),
)


async def rows_of(user_id: str) -> dict[str, int]:
    """How many rows of each table name the user, as owner or anywhere else; empty: none."""
    found: dict[str, int] = {}
    async with snapshot() as connection:
        for table in TABLES:
            counted = await connection.execute(
                text(f"SELECT count(*) FROM {table} t WHERE CAST(t AS text) ~ :user"),
                {"user": rf"\m{user_id}\M"},
            )
            if count := counted.scalar_one():
                found[table] = count
    return found


async def ledger() -> list[Any]:
    """All entries, without the names in them."""
    async with snapshot() as connection:
        rows = await connection.execute(
            text(
                f"WITH {EVERY_ROW} SELECT seq, kind, amount, available_after, held_after, op_key,"
                " reservation_id, at FROM entries ORDER BY at, op_key"
            )
        )
        return [tuple(row) for row in rows]


async def assert_forgotten(user_id: str = "alice") -> None:
    assert await rows_of(user_id) == {}
    await assert_healthy()


async def outcome(work: Awaitable[Any]) -> str:
    """What became of it, by its name."""
    try:
        await work
    except (NotFound, UserDeleted) as error:
        return type(error).__name__
    return "done"


async def visit_elsewhere(user_id: str) -> None:
    """In another process, where the user's turn is another."""
    async with transaction() as connection:
        await CreditService(connection).open_account(user_id)


async def test_a_deleted_user_is_nowhere_and_the_ledger_is_as_it_was_but_for_the_name(
    chat: UUID, make_engine: MakeEngine, keyring: KeyRing
) -> None:
    await grant_coins("alice", coins=500, reason="gift", reference="g", actor="ops")
    engine = make_engine()
    done = (await unlock("alice", chat)).job_id
    await engine.run_job("alice", done)
    cancelled = (await unlock("alice", chat, "family")).job_id
    await cancel_job("alice", cancelled)
    other = await store_chat(keyring, "alice")
    await unlock("alice", other)
    bobs = await store_chat(keyring, "bob")
    await unlock("bob", bobs)
    before = await ledger()
    told: list[UUID] = []
    assert await delete_user("alice", cancelled=told.extend) == DeletedUser("alice", 2)
    assert len(told) == 1
    after = await ledger()
    assert [one for one in after if one in before] == before
    assert len(after) == len(before) + 1  # The waiting job's coins came back.
    await assert_forgotten()
    async with snapshot() as connection:
        owners = await connection.execute(text("SELECT DISTINCT user_id FROM entries"))
        (pseudonym,) = set(owners.scalars()) - {"bob"}
    assert pseudonym.startswith("deleted:")
    assert not is_user_id(pseudonym)
    assert len(await rows_of("bob")) > 5


async def test_a_repeat_finds_nothing_and_changes_nothing(chat: UUID) -> None:
    await unlock("alice", chat)
    await delete_user("alice")
    before = await ledger()
    for _ in range(2):
        assert await delete_user("alice") == DeletedUser("alice", 0)
    assert await delete_user("nobody") == DeletedUser("nobody", 0)
    assert await ledger() == before
    await assert_forgotten()


async def test_a_deleted_user_gets_no_account_no_chat_and_no_coins(
    chat: UUID, keyring: KeyRing
) -> None:
    await delete_user("alice")
    for work in (
        ensure_account("alice"),
        opened_balance("alice"),
        read_statement("alice", limit=1),
        store_chat(keyring, "alice"),
        unlock("alice", chat),
        grant_coins("alice", coins=1, reason="gift", reference="g", actor="ops"),
    ):
        assert await outcome(work) == "UserDeleted"
    await assert_forgotten()
    deleted = DeletedUsers()
    await deleted.read()
    await deleted.read()
    assert "alice" in deleted
    assert "bob" not in deleted


async def test_old_jobs_in_the_archive_are_renamed_too(chat: UUID, make_engine: MakeEngine) -> None:
    job_id = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job_id)
    await delete_chat("alice", chat)
    await execute("UPDATE jobs SET finished_at = finished_at - interval '2 years'")
    assert [month.jobs async for month in archive_jobs()] == [1]
    before = await ledger()
    await delete_user("alice")
    assert await ledger() == before
    await assert_forgotten()


@pytest.mark.parametrize("moment", [Moment.BEGIN, Moment.BEFORE_COMMIT])
async def test_an_unlock_beside_it_waits_for_its_turn_and_is_refused(
    chat: UUID, barriers: Barriers, moment: Moment
) -> None:
    await ensure_account("alice")
    held = barriers.hold(Step.DELETE_USER, moment)
    deleting = asyncio.create_task(delete_user("alice"))
    await held.arrived.wait()
    unlocking = asyncio.create_task(outcome(unlock("alice", chat)))
    held.let_go()
    await deleting
    assert await unlocking in {"UserDeleted", "NotFound"}
    await assert_forgotten()


async def test_an_unlock_of_another_process_beside_it_waits_for_the_account_and_finds_none(
    chat: UUID, barriers: Barriers
) -> None:
    await ensure_account("alice")
    held = barriers.hold(Step.DELETE_USER, Moment.BEFORE_COMMIT)
    deleting = asyncio.create_task(delete_user("alice"))
    await held.arrived.wait()

    async def lock_elsewhere() -> int:
        async with transaction() as connection:
            return await CreditService(connection).lock_accounts(["alice"])

    locking = asyncio.create_task(lock_elsewhere())
    await until_transaction_waits()
    held.let_go()
    await deleting
    assert await locking == 0
    await assert_forgotten()


async def test_an_unlock_that_was_first_ends_with_its_coins_back(
    keyring: KeyRing, chat: UUID, barriers: Barriers
) -> None:
    await ensure_account("alice")
    held = barriers.hold(Step.UNLOCK, Moment.BEFORE_COMMIT)
    unlocking = asyncio.create_task(outcome(unlock("alice", chat)))
    await held.arrived.wait()
    deleting = asyncio.create_task(delete_user("alice"))
    held.let_go()
    await asyncio.gather(unlocking, deleting)
    await assert_forgotten()


async def test_an_upload_that_is_not_committed_yet_is_waited_for_and_deleted(
    chat: UUID, keyring: KeyRing, barriers: Barriers
) -> None:
    held = barriers.hold(Step.DELETE_USER, Moment.BEGIN)
    deleting = asyncio.create_task(delete_user("alice"))
    await held.arrived.wait()
    async with transaction() as connection:
        await connection.execute(
            text(
                "INSERT INTO chats (user_id, id, key_id, sealed_key, sealed_meta, content_hmac,"
                " message_count, first_at, last_at)"
                " VALUES ('alice', gen_random_uuid(), '', '', '', '', 1, now(), now())"
            )
        )
        held.let_go()
        await until_transaction_waits()
    assert (await deleting).chats == 2
    await assert_forgotten()


async def test_an_upload_after_it_is_refused_also_when_it_began_before(
    chat: UUID, keyring: KeyRing, barriers: Barriers
) -> None:
    held = barriers.hold(Step.DELETE_USER, Moment.BEFORE_COMMIT)
    deleting = asyncio.create_task(delete_user("alice"))
    await held.arrived.wait()
    uploading = asyncio.create_task(outcome(store_chat(keyring, "alice")))
    await until_transaction_waits()
    held.let_go()
    await deleting
    assert await uploading == "UserDeleted"
    await assert_forgotten()


async def test_a_first_visit_after_it_is_refused_also_when_it_began_before(
    engine: None, barriers: Barriers
) -> None:
    held = barriers.hold(Step.DELETE_USER, Moment.BEFORE_COMMIT)
    deleting = asyncio.create_task(delete_user("alice"))
    await held.arrived.wait()
    visiting = asyncio.create_task(outcome(visit_elsewhere("alice")))
    await until_transaction_waits()
    held.let_go()
    await deleting
    assert await visiting == "UserDeleted"
    await assert_forgotten()


@pytest.mark.parametrize("moment", [Moment.BEGIN, Moment.BEFORE_COMMIT])
async def test_a_charge_beside_it_is_made_or_not_and_nothing_else(
    chat: UUID,
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    barriers: Barriers,
    moment: Moment,
) -> None:
    held = barriers.hold(Step.SETTLE, moment)
    job_id = (await unlock("alice", chat)).job_id
    run = asyncio.create_task(make_engine().run_job("alice", job_id))
    await held.arrived.wait()
    deleting = asyncio.create_task(delete_user("alice"))
    if moment is Moment.BEFORE_COMMIT:
        await until_transaction_waits()
    else:
        await deleting
    held.let_go()
    await asyncio.gather(run, deleting)
    await assert_forgotten()
    kinds = [row[1] for row in await ledger()]
    assert kinds.count("capture") == (moment is Moment.BEFORE_COMMIT)
    assert kinds.count("capture") + kinds.count("release") == 1


async def test_results_of_a_job_under_way_are_lost_with_it(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.gate = asyncio.Event()
    job_id = (await unlock("alice", chat)).job_id
    run = asyncio.create_task(make_engine().run_job("alice", job_id))
    await until(lambda: len(generator.calls) == 6)
    await delete_user("alice")
    generator.gate.set()
    await run
    await assert_forgotten()


@pytest.mark.parametrize(
    "change",
    [
        "user_id = 'bob'",
        "user_id = 'deleted:x'",
        "user_id = 'deleted:x', amount = 1",
        "user_id = 'deleted:x', reason = 'because'",
        "user_id = 'deleted:x', actor = 'mallory'",
        "actor = 'mallory'",
    ],
)
@pytest.mark.parametrize("renames_account", [False, True])
async def test_the_way_to_a_pseudonym_is_no_way_to_edit_the_ledger(
    engine: None, change: str, renames_account: bool
) -> None:
    """Not even for the owner of the tables, in the very transaction that renames the account."""
    await grant_coins("alice", coins=5, reason="gift", reference="g", actor="ops")
    before = await ledger()

    async def edit() -> None:
        async with transaction() as connection:
            if renames_account:
                rename = "UPDATE accounts SET user_id = 'deleted:x' WHERE user_id = 'alice'"
                await connection.execute(text(rename))
            await connection.execute(text(f"UPDATE entries SET {change}"))

    if renames_account and change == "user_id = 'deleted:x'":
        await edit()
    else:
        with pytest.raises(DBAPIError, match="append-only"):
            await edit()
    assert await ledger() == before
    await assert_healthy()


async def test_a_pseudonym_is_not_renamed_again(engine: None) -> None:
    await ensure_account("alice")
    await delete_user("alice")
    await assert_forgotten()
    with pytest.raises(DBAPIError, match="no user"):
        async with transaction() as connection:
            await connection.execute(text("SELECT forget_user(user_id) FROM accounts"))
