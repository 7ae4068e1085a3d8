"""What follows from an error of the server, and for how long something is tried again."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import database_pool, db, faults
from app.db import (
    close_engine,
    in_driver_transaction,
    in_statement,
    in_transaction,
    lone_read,
    open_engine,
    read_rows,
    snapshot,
)
from app.driver import DriverConnection
from app.errors import Busy, TooSlow, Unavailable
from app.faults import Spot, Step
from app.sqlstates import ROWS, Follows, follows
from tests.support.jobs import MakeEngine, ScriptedGenerator, assert_healthy, job_row, unlock

RAISED = {
    "25006": Unavailable,
    "53100": Unavailable,
    "53200": Unavailable,
    "57P01": Unavailable,
    "58030": Unavailable,
    "40001": Unavailable,
    "55P03": Unavailable,
    "57014": TooSlow,
    "25P04": TooSlow,
    "22012": DBAPIError,
    "23505": DBAPIError,
    "42P01": DBAPIError,
    "XX000": DBAPIError,
}


def raising(state: str) -> str:
    return f"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{state}'; END $$"


@pytest.fixture
def hook() -> Iterator[Any]:
    """Sets the fault hook; it is gone afterwards."""

    def set_to(one: faults.Hook) -> None:
        faults.hook = one

    yield set_to
    faults.hook = None


def test_every_row_is_a_class_or_a_code_of_a_class_that_has_a_row() -> None:
    for state in ROWS:
        assert len(state) in (2, 5)
        assert state[:2] in ROWS
    assert follows("53100") is Follows.AWAY
    assert follows("57014") is Follows.SLOW
    assert follows("23505") is Follows.BUG
    assert follows("ZZ999") is Follows.BUG


def test_every_class_that_the_driver_knows_has_a_row() -> None:
    known = {getattr(one, "sqlstate", None) for one in vars(asyncpg.exceptions).values()}
    classes = {state[:2] for state in known if isinstance(state, str)}
    assert len(classes) > 30
    assert classes <= set(ROWS)


@pytest.mark.parametrize(("state", "raised"), RAISED.items())
async def test_what_a_transaction_raises(
    engine: None, monkeypatch: pytest.MonkeyPatch, state: str, raised: type[Exception]
) -> None:
    monkeypatch.setattr(db, "BACKOFF_FIRST_S", 0.0)
    tries = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.exec_driver_sql(raising(state))

    with pytest.raises(raised):
        await in_transaction(work)
    is_repeated = follows(state) in (Follows.AGAIN, Follows.AWAY)
    assert tries == (db.ATTEMPTS_MAX if is_repeated else 1)
    with pytest.raises(raised):
        async with snapshot() as connection:
            await connection.exec_driver_sql(raising(state))


@pytest.mark.parametrize(("state", "raised"), RAISED.items())
async def test_what_a_transaction_by_the_driver_raises(
    engine: None, monkeypatch: pytest.MonkeyPatch, state: str, raised: type[Exception]
) -> None:
    """The same, but that a bug is raised as the driver's own error; and the connection is whole."""
    monkeypatch.setattr(db, "BACKOFF_FIRST_S", 0.0)
    statement = text(raising(state))
    expected = asyncpg.PostgresError if raised is DBAPIError else raised
    tries = 0

    async def work(connection: DriverConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.execute(statement)

    with pytest.raises(expected):
        await in_driver_transaction(work, step=Step.STORE)
    is_repeated = follows(state) in (Follows.AGAIN, Follows.AWAY)
    assert tries == (db.ATTEMPTS_MAX if is_repeated else 1)
    with pytest.raises(expected):
        await in_statement(statement, {}, step=Step.STORE)
    with pytest.raises(expected):
        await read_rows(statement, {})
    (row,) = await read_rows(
        text("SELECT CAST(:n AS int) AS n, pg_current_xact_id_if_assigned()"), {"n": 7}
    )
    assert (row.n, row[1]) == (7, None)


async def test_who_is_cancelled_in_a_statement_leaves_no_connection_in_it(engine: None) -> None:
    async def sleep(connection: DriverConnection) -> None:
        await connection.execute(text("SELECT pg_sleep(600)"))

    for asleep in (
        asyncio.create_task(in_driver_transaction(sleep, step=Step.STORE)),
        asyncio.create_task(in_statement(text("SELECT pg_sleep(600)"), {}, step=Step.STORE)),
    ):
        while not await _sleeping():
            assert not asleep.done()
        asleep.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asleep
        assert [row.n for row in await read_rows(text("SELECT 1 AS n"), {})] == [1]


async def _sleeping() -> int:
    (row,) = await read_rows(
        text(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active'"
            " AND datname = current_database() AND query LIKE 'SELECT pg_sleep%'"
        ),
        {},
    )
    return row.n


async def test_what_is_raised_in_a_transaction_by_the_driver_undoes_it(engine: None) -> None:
    async def fail(connection: DriverConnection) -> None:
        await connection.execute(text("CREATE TABLE undone (n int)"))
        raise KeyError

    with pytest.raises(KeyError):
        await in_driver_transaction(fail, step=Step.STORE)
    (row,) = await read_rows(text("SELECT to_regclass('undone') AS found"), {})
    assert row.found is None


async def _pid(connection: AsyncConnection) -> int:
    return (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()


async def _pids() -> set[int]:
    """The server's processes of two pooled connections."""
    async with lone_read() as one, lone_read() as other:
        return {await _pid(one), await _pid(other)}


async def test_a_read_only_server_loses_every_connection_of_the_pool(engine: None) -> None:
    """They lead to the server from before a failover, all of them."""
    before = await _pids()
    assert await _pids() == before
    with pytest.raises(Unavailable):
        async with snapshot() as connection:
            await connection.exec_driver_sql(raising("25006"))
    between = await _pids()
    assert between & before == set()
    with pytest.raises(Unavailable):
        await read_rows(text(raising("25006")), {})
    assert await _pids() & between == set()


async def test_a_reply_that_takes_too_long_is_not_asked_for_again(database_url: str) -> None:
    await open_engine(database_url, pool_size=1, statement_timeout_s=0.05)
    tries = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal tries
        tries += 1
        await connection.exec_driver_sql("SELECT pg_sleep(600)")

    try:
        with pytest.raises(TooSlow):
            await in_transaction(work)
        assert tries == 1
        with pytest.raises(TooSlow):
            await in_statement(text("SELECT pg_sleep(600)"), {}, step=Step.STORE)
    finally:
        await close_engine()


async def test_a_connection_that_went_silent_makes_those_beside_it_doubtful(
    database_url: str,
) -> None:
    """Whatever swallowed its packets swallows theirs: each would be waited for as long."""
    await open_engine(database_url, pool_size=2, statement_timeout_s=0.2)
    try:
        before = await _pids()
        assert await _pids() == before
        with pytest.raises(TooSlow):
            async with lone_read() as connection:
                await connection.exec_driver_sql("SELECT pg_sleep(600)")
        after = await _pids()
        assert after & before == set()
        assert await _pids() == after
    finally:
        await close_engine()


async def test_a_statement_that_waits_beside_a_silent_one_is_given_a_moment_and_ended(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_pool, "PATIENCE_S", 0.1)
    engine = database_pool.make_engine(database_url, statement_timeout_s=600, pool_size=2)
    watch = database_pool.PoolWatch(engine)

    async def sleep_on(connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("SELECT pg_sleep(600)")

    try:
        async with engine.connect() as waiting:
            asleep = asyncio.create_task(sleep_on(waiting))
            async with engine.connect() as working:
                old = await _pid(working)
                watch.doubt()
                assert await _pid(working) == old
            with pytest.raises(DBAPIError) as lost:
                await asleep
            assert lost.value.connection_invalidated
        async with engine.connect() as one, engine.connect() as other:
            assert old not in {await _pid(one), await _pid(other)}
    finally:
        await engine.dispose()


async def test_a_full_pool_is_told_at_once(database_url: str) -> None:
    await open_engine(database_url, pool_size=1, pool_wait_s=0.01)
    tries = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal tries
        tries += 1

    try:
        async with snapshot():
            with pytest.raises(Busy):
                await in_transaction(work)
            with pytest.raises(Busy):
                await in_statement(text("SELECT 1"), {}, step=Step.STORE)
        assert tries == 0
        await in_transaction(work)
    finally:
        await close_engine()


async def test_one_deadline_ends_all_tries(engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, tries = 0.0, 0
    monkeypatch.setattr(db, "BACKOFF_FIRST_S", 0.0)
    monkeypatch.setattr(db.time, "monotonic", lambda: now_s)

    async def work(connection: AsyncConnection) -> None:
        nonlocal now_s, tries
        tries += 1
        now_s += 10.0
        await connection.exec_driver_sql(raising("57P01"))

    with pytest.raises(Unavailable):
        await in_transaction(work)
    assert tries == 2


@pytest.mark.parametrize("state", ["25006", "53100", "57014"])
async def test_a_job_keeps_its_results_while_the_server_refuses_them(
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    chat: UUID,
    hook: Any,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
) -> None:
    monkeypatch.setattr("app.jobs.job_writer.DATABASE_RETRY_S", 0.0)
    monkeypatch.setattr(db, "BACKOFF_FIRST_S", 0.0)
    refusals = {f"{step}.before_commit": 2 * db.ATTEMPTS_MAX for step in (Step.STORE, Step.SETTLE)}

    async def refuse(point: str, connection: AsyncConnection) -> None:
        if refusals.get(point, 0):
            refusals[point] -= 1
            await connection.execute(text(raising(state)))

    job_id = (await unlock("alice", chat)).job_id
    hook(refuse)
    await make_engine().run_job("alice", job_id)
    job = await job_row("alice", job_id)
    assert (job.state, job.attempt, len(generator.calls)) == ("succeeded", 1, 6)
    assert set(refusals.values()) == {0}
    await assert_healthy()


async def test_an_attempt_is_given_back_when_the_server_cannot_do_it_now(
    make_engine: MakeEngine, chat: UUID, hook: Any
) -> None:
    async def refuse(point: str, _: object) -> None:
        if point == Spot.CONTEXT:
            async with snapshot() as connection:
                await connection.exec_driver_sql(raising("53200"))

    job_id = (await unlock("alice", chat)).job_id
    hook(refuse)
    await make_engine().run_job("alice", job_id)
    job = await job_row("alice", job_id)
    assert (job.state, job.attempt, job.error_code) == ("queued", 0, "database_away")
