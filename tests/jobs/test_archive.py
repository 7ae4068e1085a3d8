"""The archive: jobs leave the hot tables, and nobody who reads can tell."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.costs.bill import read_bill
from app.credits.accounts import grant_coins, opened_balance, read_statement
from app.credits.invariants import check_invariants
from app.crypto import KeyRing
from app.cursors import Position
from app.db import snapshot, transaction
from app.generation.protocol import GenerationFailed
from app.jobs.archive import ArchivedMonth, archive_jobs
from app.jobs.cancel import NotCancellable, cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.operations import find_job
from app.jobs.refund import JobArchived, refund_job
from app.progress.snapshots import QueuePositions, Snapshot, list_snapshots, load_snapshot
from app.unlocks.unlock import IdempotencyKeyReused
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    execute,
    store_chat,
    unlock,
)
from tests.support.processes import run_sixfold

TABLES = ("jobs", "reservations", "insights", "entries")
UNGUARDED = "SET LOCAL session_replication_role = replica"


async def archived(months_kept: int = 12) -> list[ArchivedMonth]:
    return [month async for month in archive_jobs(months_kept=months_kept)]


async def count(prefix: str = "") -> dict[str, int]:
    """Rows of each table, those entries aside that belong to no job."""
    async with snapshot() as connection:
        return {
            table: (
                await connection.execute(
                    text(
                        f"SELECT count(*) FROM {prefix}{table}"
                        + (" WHERE reservation_id IS NOT NULL" if table == "entries" else "")
                    )
                )
            ).scalar_one()
            for table in TABLES
        }


async def age(months: int, chat_id: UUID | None = None) -> None:
    """All jobs, or those of a chat, and what the ledger has of them, lie so far back."""
    back = f"- make_interval(months => {months})"
    of = "" if chat_id is None else f"WHERE chat_id = '{chat_id}'"
    of_jobs = f"WHERE reservation_id IN (SELECT id FROM jobs {of})"
    await execute(
        f"UPDATE jobs SET created_at = created_at {back}, finished_at = finished_at {back} {of}"
    )
    await together(UNGUARDED, f"UPDATE entries SET at = at {back} {of_jobs}")


async def together(*statements: str) -> None:
    """In one transaction."""
    async with transaction() as connection:
        for statement in statements:
            await connection.execute(text(statement))


@pytest.fixture
async def old_jobs(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> dict[str, UUID]:
    """Alice's jobs of fourteen months ago, by how they ended; their chat was deleted since."""
    await grant_coins("alice", coins=200, reason="gift", reference="g", actor="ops")
    jobs: dict[str, UUID] = {}

    async def sell(name: str, category: str) -> None:
        unlocked = await unlock("alice", chat, category, idempotency_key=name)
        jobs[name] = unlocked.job_id

    worker = make_engine()
    await sell("charged", "friendship")
    await sell("refunded", "family")
    for job_id in jobs.values():
        await worker.run_job("alice", job_id)
    await refund_job("alice", jobs["refunded"], reason="it was poor", actor="ops")
    await sell("cancelled", "romance")
    await cancel_job("alice", jobs["cancelled"])
    generator.script = lambda spec: GenerationFailed("provider_error", is_final=True)
    await sell("failed", "work")
    await worker.run_job("alice", jobs["failed"])
    await delete_chat("alice", chat)
    await age(14)
    return jobs


async def seen(jobs: dict[str, UUID], keyring: KeyRing) -> dict[str, Any]:
    """All that the user and the operator see."""
    positions = QueuePositions()
    pages: list[Snapshot] = []
    after: Position | None = None
    while page := await list_snapshots("alice", keyring, positions, limit=1, after=after):
        pages += page
        after = page[0].created_at, page[0].job_id
    since = (datetime.now(UTC) - timedelta(days=460)).date()
    return {
        "pages": pages,
        "snapshots": [
            await load_snapshot("alice", one, keyring, positions) for one in jobs.values()
        ],
        "balance": await opened_balance("alice"),
        "statement": await read_statement("alice", limit=100),
        "crossing": await read_statement("alice", limit=2, before_seq=4),
        "bill": await read_bill(since),
        "found": [await find_job(one) for one in jobs.values()],
        "invariants": await check_invariants(),
    }


async def test_what_is_archived_is_seen_as_before(
    old_jobs: dict[str, UUID], keyring: KeyRing
) -> None:
    before, rows = await seen(old_jobs, keyring), await count()
    assert len(before["pages"]) == 4
    assert before["bill"].costs
    assert before["bill"].earned
    (month,) = await archived()
    assert (month.jobs, month.chats) == (4, 1)
    assert await count() == dict.fromkeys(TABLES, 0)
    assert await count("archived_") == rows
    assert await seen(old_jobs, keyring) == before
    assert await archived() == []
    await assert_healthy()


async def test_an_archived_key_is_answered_as_it_was(
    chat: UUID, old_jobs: dict[str, UUID], keyring: KeyRing
) -> None:
    again = {"charged": "friendship", "refunded": "family", "cancelled": "romance"}
    first = [await unlock("alice", chat, again[key], idempotency_key=key) for key in again]
    await archived()
    second = [await unlock("alice", chat, again[key], idempotency_key=key) for key in again]
    assert second == first
    assert all(one.replayed for one in second)
    for key in again:
        with pytest.raises(IdempotencyKeyReused):
            await unlock("alice", chat, "work", idempotency_key=key)
    other = await store_chat(keyring, "alice")
    with pytest.raises(IdempotencyKeyReused):
        await unlock("alice", other, "friendship", idempotency_key="charged")
    assert await count() == dict.fromkeys(TABLES, 0)


async def test_a_refund_is_answered_as_it_was_and_a_new_one_is_refused(
    old_jobs: dict[str, UUID],
) -> None:
    async def refund(name: str) -> Any:
        return await refund_job("alice", old_jobs[name], reason="it was poor", actor="ops")

    first = await refund("refunded")
    await archived()
    assert await refund("refunded") == first
    for name in ("charged", "failed"):
        with pytest.raises(JobArchived):
            await refund(name)
    with pytest.raises(NotCancellable):
        await cancel_job("alice", old_jobs["charged"])
    await cancel_job("alice", old_jobs["cancelled"])
    await assert_healthy()


@pytest.mark.parametrize("why", ["its chat is there", "it is young", "another one is young"])
async def test_a_job_stays(why: str, chat: UUID, make_engine: MakeEngine) -> None:
    await grant_coins("alice", coins=100, reason="gift", reference="g", actor="ops")
    first = await unlock("alice", chat, "friendship")
    second = await unlock("alice", chat, "family")
    for one in (first, second):
        await make_engine().run_job("alice", one.job_id)
    if why != "its chat is there":
        await delete_chat("alice", chat)
    # The month before the last twelve whole ones has ended thirteen months ago, or just now.
    await age(12 if why == "it is young" else 14)
    if why == "another one is young":
        await execute("UPDATE jobs SET finished_at = now() WHERE id = :id", id=second.job_id)
    rows = await count()
    assert await archived() == []
    assert await count() == rows


async def test_months_are_told_one_by_one_the_oldest_first(
    keyring: KeyRing, engine: None, make_engine: MakeEngine
) -> None:
    for months in (15, 30):
        chat = await store_chat(keyring, "alice")
        await grant_coins("alice", coins=50, reason="gift", reference=f"{months}", actor="ops")
        await make_engine().run_job("alice", (await unlock("alice", chat)).job_id)
        await delete_chat("alice", chat)
        await age(months, chat)
    moved = await archived()
    assert [(one.jobs, one.chats) for one in moved] == [(1, 1), (1, 1)]
    first, second = (date.fromisoformat(f"{one.month}-01") for one in moved)
    assert 14 <= (second - first).days / 30 <= 16


async def test_the_command_prints_each_month(
    old_jobs: dict[str, UUID], environment: dict[str, str]
) -> None:
    assert await run_sixfold(environment, "archive", "--months", "14") == (0, b"")
    code, printed = await run_sixfold(environment, "archive")
    assert code == 0
    assert json.loads(printed) | {"month": ""} == {"month": "", "jobs": 4, "chats": 1}
    assert await count() == dict.fromkeys(TABLES, 0)


async def test_two_archivers_and_readers_at_once_see_every_row_once(
    chat: UUID, old_jobs: dict[str, UUID], keyring: KeyRing
) -> None:
    rows, statement = await count(), await read_statement("alice", limit=100)

    async def read() -> None:
        assert await read_statement("alice", limit=100) == statement
        replayed = await unlock("alice", chat, "friendship", idempotency_key="charged")
        assert replayed.replayed
        await load_snapshot("alice", old_jobs["charged"], keyring, QueuePositions())
        await assert_healthy()

    moved = await asyncio.gather(archived(), archived(), *(read() for _ in range(4)))
    assert sum(month.jobs for found in moved[:2] if found for month in found) == 4
    assert await count("archived_") == rows
    await assert_healthy()


async def test_an_entry_is_deleted_only_when_the_archive_has_it(old_jobs: dict[str, UUID]) -> None:
    delete = "DELETE FROM entries WHERE seq = 3"
    copy = "INSERT INTO archived_entries SELECT * FROM entries WHERE seq = 3"
    changed = "UPDATE archived_entries SET amount = amount + 1"
    for statements in (
        [delete],
        [copy, UNGUARDED, changed, "RESET session_replication_role", delete],
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            await together(*statements)
    await archived()
    for statement in (changed, "DELETE FROM archived_entries", "TRUNCATE archived_entries"):
        with pytest.raises(DBAPIError, match="append-only"):
            await together(statement)


@pytest.mark.parametrize(
    ("expected", "damage"),
    [
        ({"I2", "I1", "I3", "I5", "I11"}, "DELETE FROM archived_entries WHERE seq = 5"),
        ({"I1", "I3", "I5", "I11"}, "UPDATE archived_entries SET amount = 7 WHERE seq = 5"),
        ({"I3"}, "UPDATE archived_entries SET held_after = 31 WHERE seq = 3"),
        (
            {"I5", "I7"},
            "UPDATE archived_reservations SET amount = 60, captured = 60 WHERE captured > 0",
        ),
        ({"I6", "I10"}, "DELETE FROM archived_jobs"),
        ({"I6", "I10"}, "DELETE FROM archived_reservations"),
        ({"I7"}, "DELETE FROM archived_insights WHERE ord = 1"),
    ],
)
async def test_damage_in_the_archive_is_found_as_in_the_tables(
    old_jobs: dict[str, UUID], expected: set[str], damage: str
) -> None:
    await archived()
    await together(UNGUARDED, damage)
    violated = {one.name for one in await check_invariants() if one.violations}
    assert violated == expected
