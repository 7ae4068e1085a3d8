"""The only place that commits: every transaction of the product goes through here.

`transaction()`, `in_transaction(work)`, `in_turn(user, work)` and `in_statement(one)` are READ
COMMITTED and write; `snapshot()` is REPEATABLE READ and only reads; so does `lone_read()`, a single
statement. `in_driver_transaction(work)`, `in_statement(one)` and `read_rows(one)` leave out
SQLAlchemy's part of a statement (`app.driver`). Behind a pooler nothing of a session is relied on
(`app.database_connect`): there each of them is a transaction.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import MetaData, TextClause
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import faults
from app.acting import for_users
from app.connections import (
    CommitUnknown,
    checked_out,
    close_engine,
    driver_checked_out,
    is_transaction_by_itself,
    lock_waits,
    open_engine,
    what_follows,
)
from app.driver import LOST, DriverConnection, DriverRows
from app.errors import Busy, Locked, TooSlow, Unavailable
from app.faults import Moment, Step
from app.sqlstates import Follows, sqlstate

__all__ = [
    "CommitUnknown",
    "after_commit",
    "close_engine",
    "in_driver_transaction",
    "in_statement",
    "in_transaction",
    "in_turn",
    "is_transient",
    "lone_read",
    "metadata",
    "open_engine",
    "read_rows",
    "snapshot",
    "transaction",
    "wait_at_most",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the product registers here; migrations compare against it."""

ATTEMPTS_MAX = 5
BACKOFF_FIRST_S = 0.05
RETRIES_S = 15.0
"""After so many seconds nothing is tried once more, whatever it failed by."""
LOCK_LOOK_MS, LOCK_TURN_MS = 20, 2_000
"""For a locked row of a user, before a connection waits for it in turn; and in that turn."""

_EFFECTS = "sixfold_effects"
"""Key of what waits for a connection's COMMIT."""
_AT_ONCE = (Busy, TooSlow)
"""Not tried again: it would take as long."""

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Awaitable[Result]]


@asynccontextmanager
async def transaction(*, step: Step | None = None) -> AsyncGenerator[AsyncConnection]:
    """A READ COMMITTED transaction that commits when the block is left without an error.

    Raises Unavailable when the database cannot be reached before COMMIT, and CommitUnknown
    when the reply to COMMIT was lost. What receives the connection never commits. `step` names
    it for the fault points of tests (`app.faults`).
    """
    async with checked_out() as connection:
        connection.info.pop(_EFFECTS, None)  # Of a transaction that was rolled back.
        if faults.hook is not None:
            await _reach(step, Moment.BEGIN, connection)
        yield connection
        if faults.hook is not None:
            await _reach(step, Moment.BEFORE_COMMIT, connection)
        await _commit(connection)
        if faults.hook is not None:
            await _reach(step, Moment.AFTER_COMMIT, connection)


def after_commit(
    connection: AsyncConnection | DriverConnection, effect: Callable[[], object]
) -> None:
    """Has `effect`, which must not fail, run when the transaction is known to be committed.

    It never runs for one that was rolled back, nor when the reply to COMMIT was lost.
    """
    connection.info.setdefault(_EFFECTS, []).append(effect)


async def in_transaction(
    work: Work[Result], *, step: Step | None = None, attempts_max: int = ATTEMPTS_MAX
) -> Result:
    """The result of `work(connection)`, committed; runs `work` again when that is safe.

    `work` must be safe to repeat: it takes its ids from outside, and a unique constraint or a
    compare-and-set makes a second run find what the first one did. So a lost reply to COMMIT
    is resolved by running it again on a new connection, where it meets its own effects under
    the same locks. Tried again is what `app.sqlstates` says, and after lost connections.

    Raises Unavailable after `attempts_max` tries or RETRIES_S; Busy and TooSlow at once.
    """
    return await _again(partial(_run, work, step), attempts_max)


async def in_turn(user_id: str, work: Work[Result], *, step: Step) -> Result:
    """As `in_transaction`, for work on rows of one user that other transactions may have locked.

    One at a time of a user. A transaction that meets a locked row waits for it in one of the few
    slots of LockWaits, the user's others in memory: all that one user asks for takes one
    connection. Raises Locked when a row stays locked for LOCK_TURN_MS, or no turn came within
    RETRIES_S.
    """
    deadline = time.monotonic() + RETRIES_S

    async def attempt(lock_ms: int) -> Result:
        async def limited(connection: AsyncConnection) -> Result:
            await wait_at_most(connection, ms=lock_ms)
            return await work(connection)

        return await _again(
            partial(_run, limited, step), at_once=(*_AT_ONCE, Locked), deadline=deadline
        )

    async with lock_waits().of_user(user_id, within_s=RETRIES_S):
        with for_users(user_id):
            with suppress(Locked):
                return await attempt(LOCK_LOOK_MS)
            async with lock_waits().slot(within_s=deadline - time.monotonic()):
                return await attempt(LOCK_TURN_MS)


async def wait_at_most(connection: AsyncConnection, *, ms: int) -> None:
    """Statements of this transaction wait no longer than this for a lock; before its first one."""
    raw = await connection.get_raw_connection()
    session: Any = raw.driver_connection
    session.lock_timeout_ms = ms


async def in_driver_transaction(
    work: Callable[[DriverConnection], Awaitable[Result]], *, step: Step
) -> Result:
    """As `in_transaction`, for what is done so often that SQLAlchemy's way of it is too dear."""
    return await _again(partial(_run_by_driver, work, step))


async def in_statement(
    statement: TextClause, values: Mapping[str, Any], *, step: Step
) -> DriverRows:
    """The rows of one statement that writes, committed: a transaction by itself.

    It saves the round trips of BEGIN and COMMIT, and takes what `in_transaction` takes: a
    statement that is safe to repeat. When its reply was lost, it is unknown which rows it had;
    the second run finds what they left. Raises Unavailable as `in_transaction` does.
    """
    return await _again(partial(_alone, statement, values, step))


async def read_rows(statement: TextClause, values: Mapping[str, Any]) -> DriverRows:
    """The rows of one statement that only reads. Raises Unavailable; it is not tried again."""
    return await _alone(statement, values)


async def _alone(
    statement: TextClause, values: Mapping[str, Any], step: Step | None = None
) -> DriverRows:
    async with driver_checked_out() as connection:
        if faults.hook is not None:
            await _reach(step, Moment.BEGIN, connection)
            await _reach(step, Moment.BEFORE_COMMIT, connection)
        if is_transaction_by_itself():
            rows = await connection.execute(statement, values)
        else:
            async with connection.transaction():
                rows = await connection.execute(statement, values)
            await connection.commit()
        if faults.hook is not None:
            await _reach(step, Moment.AFTER_COMMIT, connection)
        return rows


async def _run_by_driver(
    work: Callable[[DriverConnection], Awaitable[Result]], step: Step
) -> Result:
    async with driver_checked_out() as connection:
        async with connection.transaction():
            if faults.hook is not None:
                await _reach(step, Moment.BEGIN, connection)
            result = await work(connection)
            if faults.hook is not None:
                await _reach(step, Moment.BEFORE_COMMIT, connection)
        await _commit(connection)
        if faults.hook is not None:
            await _reach(step, Moment.AFTER_COMMIT, connection)
        return result


async def _commit(connection: AsyncConnection | DriverConnection) -> None:
    """Commits, and runs what waited for that. Raises CommitUnknown when the reply was lost."""
    try:
        await connection.commit()
    except (DBAPIError, *LOST, asyncpg.PostgresError) as error:
        if sqlstate(error) is None or what_follows(error) is Follows.AWAY:
            raise CommitUnknown from error
        raise
    for effect in connection.info.pop(_EFFECTS, ()):
        effect()


async def _run(work: Work[Result], step: Step | None) -> Result:
    async with transaction(step=step) as connection:
        return await work(connection)


async def _again(
    run: Callable[[], Awaitable[Result]],
    attempts_max: int = ATTEMPTS_MAX,
    *,
    at_once: tuple[type[Unavailable], ...] = _AT_ONCE,
    deadline: float | None = None,
) -> Result:
    if deadline is None:
        deadline = time.monotonic() + RETRIES_S
    for attempt in range(1, attempts_max + 1):
        try:
            return await run()
        except at_once:
            raise
        except (CommitUnknown, Unavailable, DBAPIError) as error:
            if not is_transient(error):
                raise
            if attempt == attempts_max or time.monotonic() >= deadline:
                if isinstance(error, Locked):
                    raise
                raise Unavailable from error
        backoff_s = BACKOFF_FIRST_S * 2 ** (attempt - 1)
        await asyncio.sleep(backoff_s * random.uniform(0.5, 1.5))  # noqa: S311 (spreads retries)
    raise AssertionError("unreachable")


@asynccontextmanager
async def snapshot() -> AsyncGenerator[AsyncConnection]:
    """A REPEATABLE READ, READ ONLY transaction: every query in it sees one moment.

    Raises Unavailable when the database cannot be reached.
    """
    async with checked_out() as connection:
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        yield connection


@asynccontextmanager
async def lone_read() -> AsyncGenerator[AsyncConnection]:
    """For one statement that only reads: it sees one moment by itself, in one round trip.

    Two statements would see two moments. Raises Unavailable when the database cannot be reached.
    """
    async with checked_out() as connection:
        if is_transaction_by_itself():
            await connection.execution_options(isolation_level="AUTOCOMMIT")
        yield connection


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may go through when it is tried again."""
    return isinstance(error, CommitUnknown | Unavailable) or what_follows(error) is not Follows.BUG


async def _reach(
    step: Step | None, moment: Moment, connection: AsyncConnection | DriverConnection
) -> None:
    if step is not None and faults.hook is not None:
        await faults.hook(f"{step}.{moment}", connection)
