"""What the roles of API and workers cannot do, whatever a statement says."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from app.acting import for_users
from app.credits.accounts import ensure_account
from app.db import close_engine, in_transaction, lone_read, open_engine, snapshot
from app.settings import Settings
from migrations.rights import API, FOUND_BEFORE_ITS_USER, ROLES, WORKER, scram_verifier
from tests.support.environment import ROLE_PASSWORD, as_role
from tests.support.processes import run_sixfold

ENTRY = "'alice', 1, 'grant', 'mint', 'available', 50, 50, 0, 'signup', NULL, 'system', NULL, now()"
FORBIDDEN = (
    "UPDATE entries SET amount = 1",
    "DELETE FROM entries",
    "DELETE FROM archived_entries",
    "UPDATE archived_entries SET amount = 1",
    "INSERT INTO archived_entries SELECT * FROM entries",
    "DELETE FROM accounts",
    "DELETE FROM reservations",
    "UPDATE sent_prompts SET sealed = ''",
    "DELETE FROM deleted_users",
    "UPDATE deleted_users SET at = now()",
    "INSERT INTO deleted_users (digest) VALUES ('')",
    "INSERT INTO key_erasures (id) VALUES (gen_random_uuid())",
    "UPDATE contractions SET name = 'none'",
    "DELETE FROM contractions",
    "TRUNCATE entries",
    "TRUNCATE chats CASCADE",
    "ALTER TABLE entries DISABLE TRIGGER ALL",
    "ALTER TABLE entries DISABLE ROW LEVEL SECURITY",
    "DROP TRIGGER entries_append_only ON entries",
    "DROP TABLE sweeps",
    "DROP POLICY of_named_users ON chats",
    "SET session_replication_role = replica",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE mine",
    "ALTER ROLE sixfold_api BYPASSRLS",
    "UPDATE alembic_version SET version_num = '9999'",
    "SET ROLE sixfold",
    "COPY entries TO PROGRAM 'true'",
)


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The owner of the tables, in a database that was migrated itself and not copied."""
    config = Config("alembic.ini")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    await asyncio.to_thread(command.upgrade, config, "head")
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"INSERT INTO entries VALUES ({ENTRY})")
    await connection.execute("INSERT INTO accounts VALUES ('alice', 50, 0, 1), ('bob', 50, 0, 0)")
    yield connection
    await connection.close()


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_of_the_product_cannot_touch_what_is_not_its_own(
    role: str, owner: asyncpg.Connection, database_url: str
) -> None:
    limited = await asyncpg.connect(as_role(database_url, role))
    for statement in FORBIDDEN:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await limited.execute(statement)
    await limited.close()
    assert await owner.fetchval("SELECT count(*) FROM entries") == 1


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_of_the_product_owns_nothing(role: str, owner: asyncpg.Connection) -> None:
    owned = "SELECT count(*) FROM pg_shdepend WHERE refobjid = $1::regrole AND deptype = 'o'"
    assert await owner.fetchval(owned, role) == 0
    is_mighty = "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles"
    assert await owner.fetchval(f"{is_mighty} WHERE rolname = $1", role) is False


async def test_every_table_with_a_user_is_closed_to_other_users(owner: asyncpg.Connection) -> None:
    with_user = await owner.fetch(
        "SELECT c.relname, c.relrowsecurity FROM pg_class c JOIN pg_attribute a"
        " ON a.attrelid = c.oid AND a.attname = 'user_id'"
        " WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    )
    assert len(with_user) > 10
    open_ones = {one["relname"] for one in with_user if not one["relrowsecurity"]}
    assert open_ones == FOUND_BEFORE_ITS_USER


@pytest.fixture
async def api_engine(database_url: str) -> AsyncIterator[None]:
    await open_engine(as_role(database_url, API), per_user=True)
    yield
    await close_engine()


async def _users() -> set[str]:
    async with lone_read() as connection:
        found = await connection.execute(text("SELECT user_id FROM accounts"))
        return {row.user_id for row in found}


@pytest.mark.parametrize("user", ["bob", "'; DROP TABLE jobs; --", 'b\\o"b', "Ünï🙂"])
async def test_a_statement_for_a_user_sees_that_user_alone(
    owner: asyncpg.Connection, api_engine: None, user: str
) -> None:
    await ensure_account(user)
    assert await _users() == set()
    with for_users(user):
        assert await _users() == {user}
        with for_users("alice", user):
            assert await _users() == {"alice", user}
        async with snapshot() as connection:
            seen = await connection.execute(text("SELECT count(*) FROM entries"))
            assert seen.scalar_one() == (user != "bob")
    assert await _users() == set()


async def test_rows_are_not_compared_with_each_of_many_users(
    owner: asyncpg.Connection, api_engine: None
) -> None:
    with for_users(*(f"user-{number}" for number in range(2000))):
        async with snapshot() as connection:
            plan = await connection.execute(text("EXPLAIN SELECT * FROM entries"))
            assert any("hashed SubPlan" in line for line in plan.scalars())


async def test_a_statement_for_a_user_writes_that_user_s_rows_alone(
    owner: asyncpg.Connection, api_engine: None
) -> None:
    async def take(connection: object) -> int:
        changed = await connection.execute(text("UPDATE accounts SET available = 0"))  # type: ignore[attr-defined]
        return changed.rowcount

    async def make(connection: object) -> None:
        await connection.execute(  # type: ignore[attr-defined]
            text("INSERT INTO accounts (user_id, available, held, seq) VALUES ('eve', 1, 0, 0)")
        )

    with for_users("bob"):
        assert await in_transaction(take, step=None) == 1
        with pytest.raises(Exception, match="row-level security"):
            await in_transaction(make, step=None)
    assert await owner.fetchval("SELECT available FROM accounts WHERE user_id = 'alice'") == 50


async def test_a_worker_sees_all_users(owner: asyncpg.Connection, database_url: str) -> None:
    worker = await asyncpg.connect(as_role(database_url, WORKER))
    assert await worker.fetchval("SELECT count(*) FROM accounts") == 2
    await worker.close()


async def test_feedback_is_written_by_the_api_for_its_user_and_read_by_workers(
    owner: asyncpg.Connection, database_url: str
) -> None:
    said = "INSERT INTO feedback VALUES ($1, gen_random_uuid(), 1, 0, 'right', 1, 'offline-1')"
    await owner.execute(said, "alice")
    worker = await asyncpg.connect(as_role(database_url, WORKER))
    assert await worker.fetchval("SELECT count(*) FROM feedback") == 1
    for change in (
        "UPDATE feedback SET verdict = 'wrong'",
        "DELETE FROM feedback",
        said.replace("$1", "'bob'"),
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await worker.execute(change)
    api = await asyncpg.connect(as_role(database_url, API))
    await api.execute("SELECT set_config('sixfold.user_ids', 'bob', false)")
    await api.execute(said, "bob")
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await api.execute(said, "alice")
    assert await api.execute("DELETE FROM feedback") == "DELETE 1"
    assert await owner.fetchval("SELECT user_id FROM feedback") == "alice"
    for connection in (worker, api):
        await connection.close()


async def test_the_place_in_the_queue_counts_jobs_of_others_and_names_no_user(
    owner: asyncpg.Connection, database_url: str
) -> None:
    for number, user in enumerate(("alice", "bob")):
        await owner.execute(
            "INSERT INTO jobs (user_id, id, chat_id, category, next_run_at, price_coins,"
            " content_hmac, prompt_version) VALUES ($1, $2, $2, 'work', now(), 1, '', 1)",
            user,
            UUID(int=number),
        )
    limited = await asyncpg.connect(as_role(database_url, API))
    found = await limited.fetch("SELECT * FROM waiting_jobs(10)")
    assert [tuple(one) for one in found] == [(UUID(int=0),), (UUID(int=1),)]
    assert await limited.fetchval("SELECT count(*) FROM jobs") == 0
    await limited.close()


async def test_a_command_that_would_see_nothing_says_so(
    environment: dict[str, str], settings: Settings
) -> None:
    url = as_role(settings.database_url, API)
    code, output = await run_sixfold(environment | {"SIXFOLD_DATABASE_URL": url}, "check")
    assert (code, output) == (1, b"")


async def test_a_second_migration_changes_no_right(
    owner: asyncpg.Connection, database_url: str
) -> None:
    rights = "SELECT array_agg((relname, relacl::text)::text ORDER BY relname) FROM pg_class"
    before = await owner.fetchval(rights)
    config = Config("alembic.ini")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    await asyncio.to_thread(command.upgrade, config, "head")
    assert await owner.fetchval(rights) == before


async def test_a_migration_replaces_rules_of_an_earlier_release(
    owner: asyncpg.Connection, database_url: str
) -> None:
    rules = "SELECT tablename, policyname, roles, qual FROM pg_policies ORDER BY 1, 2"
    wanted = await owner.fetch(rules)
    await owner.execute("DROP POLICY of_named_users ON chats")
    await owner.execute("CREATE POLICY of_all ON chats TO sixfold_api USING (true)")
    config = Config("alembic.ini")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    await asyncio.to_thread(command.upgrade, config, "head")
    assert await owner.fetch(rules) == wanted


async def test_the_server_is_told_a_verifier_in_place_of_a_password(
    owner: asyncpg.Connection, database_url: str
) -> None:
    assert ROLE_PASSWORD not in scram_verifier(ROLE_PASSWORD)
    limited = await asyncpg.connect(as_role(database_url, API))  # It was let in by one.
    assert await limited.fetchval("SELECT current_user") == API
    await limited.close()
