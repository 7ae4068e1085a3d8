import asyncio

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.api.health import code_revision

DEADLINE_S = 60

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> $1"


async def _tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(TABLES, "alembic_version")
    finally:
        await connection.close()


@pytest.fixture
def alembic(database_url: str) -> Config:
    config = Config("alembic.ini")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


async def test_migrations_go_down_and_up_again_and_match_the_tables(
    alembic: Config, database_url: str
) -> None:
    migrated = await _tables(database_url)
    await asyncio.to_thread(command.downgrade, alembic, "base")
    assert await _tables(database_url) == 0
    await asyncio.to_thread(command.upgrade, alembic, "head")
    assert await _tables(database_url) == migrated
    await asyncio.to_thread(command.check, alembic)


async def test_an_archive_has_the_columns_of_its_table_in_their_order(database_url: str) -> None:
    """Rows are moved and read together as they are."""
    connection = await asyncpg.connect(database_url)
    for table in ("jobs", "reservations", "insights", "entries"):
        hot, archived = [
            await connection.fetch(
                "SELECT attname, atttypid, attnotnull FROM pg_attribute"
                " WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
                name,
            )
            for name in (table, f"archived_{table}")
        ]
        assert archived == hot
    await connection.close()


async def test_functions_with_the_owners_rights_look_into_no_caller_s_tables_first(
    database_url: str,
) -> None:
    connection = await asyncpg.connect(database_url)
    paths = await connection.fetch("SELECT proname, proconfig FROM pg_proc WHERE prosecdef")
    await connection.close()
    assert len(paths) >= 6
    searched = {one["proname"]: ",".join(one["proconfig"] or ()) for one in paths}
    assert [name for name, path in searched.items() if not path.endswith(", pg_temp")] == []


async def test_what_is_archived_comes_back_when_the_archive_is_taken_away(
    alembic: Config, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    entry = "'alice', 1, 'grant', 'mint', 'available', 50, 50, 0, 'signup', NULL, 'system'"
    await connection.execute(f"INSERT INTO archived_entries VALUES ({entry}, NULL, now())")
    await asyncio.to_thread(command.downgrade, alembic, "0005")
    assert await connection.fetchval("SELECT op_key FROM entries") == "signup"
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        await connection.execute("DELETE FROM entries")
    await connection.close()


async def test_a_migration_that_waits_for_a_lock_lets_readers_through(
    alembic: Config, database_url: str
) -> None:
    """Else every SELECT queues up behind it for as long as an open read lasts."""
    await asyncio.to_thread(command.downgrade, alembic, "0001")
    holder, reader = [await asyncpg.connect(database_url) for _ in range(2)]
    reading = holder.transaction()
    await reading.start()
    await holder.execute("SELECT count(*) FROM jobs, insights, accounts, entries, reservations")
    migrating = asyncio.create_task(asyncio.to_thread(command.upgrade, alembic, "head"))
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM"
    waiting += " pg_database WHERE datname = current_database())"
    while not migrating.done() and not await reader.fetchval(waiting):
        pass
    assert not migrating.done()
    # The migration is queued, and the open read goes on: this one ends nevertheless.
    for table in ("jobs", "insights", "accounts", "entries", "reservations"):
        await reader.fetchval(f"SELECT count(*) FROM {table}", timeout=DEADLINE_S)
    await reading.rollback()
    await migrating
    assert await reader.fetchval("SELECT version_num FROM alembic_version") == code_revision()
    for connection in (holder, reader):
        await connection.close()


async def test_no_migration_takes_from_the_release_before(
    alembic: Config, database_url: str
) -> None:
    """Expand and contract: what a release wrote and read before a migration, it can after it."""
    script = ScriptDirectory.from_config(alembic)
    revisions = [one.revision for one in reversed(list(script.walk_revisions()))]
    await asyncio.to_thread(command.downgrade, alembic, revisions[0])
    before = await _promises(database_url)
    for revision in revisions[1:]:
        await asyncio.to_thread(command.upgrade, alembic, revision)
        after = await _promises(database_url)
        assert before["columns"] <= after["columns"], revision
        assert after["demanded"] <= before["demanded"] | _of_new(before, after), revision
        assert before["unique"] >= {one for one in after["unique"] if one[0] in before["tables"]}
        before = after


def _of_new(before: dict[str, set], after: dict[str, set]) -> set:
    """What tables demand that were not there: the release before does not write to them."""
    return {one for one in after["demanded"] if one[0] not in before["tables"]}


async def _promises(url: str) -> dict[str, set]:
    """Tables; columns with their types; columns that an INSERT must name; unique keys."""
    connection = await asyncpg.connect(url)
    columns = await connection.fetch(
        "SELECT table_name, column_name, data_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = 'public'"
    )
    unique = await connection.fetch(
        "SELECT tablename, indexdef FROM pg_indexes"
        " WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'"
    )
    await connection.close()
    return {
        "tables": {one[0] for one in columns},
        "columns": {tuple(one)[:3] for one in columns},
        "demanded": {tuple(one)[:2] for one in columns if one[3] == "NO" and one[4] is None},
        "unique": {tuple(one) for one in unique},
    }
