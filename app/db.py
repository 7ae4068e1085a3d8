"""The one async engine of a process, and the only place that commits.

`transaction()`, `in_transaction(work)`, `in_turn(user, work)` and `in_statement(one)` are READ
COMMITTED and write; `snapshot()` is REPEATABLE READ and only reads; so does `lone_read()`, a single
statement. The engine belongs to the event loop of the start-up that made it. Behind a pooler
nothing of a session is relied on (`app.database_connect`): there each of them is a transaction.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import MetaData, Row, TextClause
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import faults, reachability
from app.acting import for_users, hold_to_users, on_begin
from app.database_connect import STATEMENT_TIMEOUT_S
from app.database_pool import POOLED, PoolWatch, make_engine
from app.errors import Busy, Locked, TooSlow, Unavailable, UserDeleted
from app.faults import Moment, Step
from app.lock_waits import WAITING_MAX, LockWaits
from app.sqlstates import Follows, follows, sqlstate

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
POOL_WAIT_S = 10.0

_EFFECTS = "sixfold_effects"
"""Key of what waits for a connection's COMMIT."""
_AT_ONCE = (Busy, TooSlow)
"""Not tried again: it would take as long."""
_LOCKED = "55P03"
_OF_DELETED_USER = "SX401"
_LOST = (InterfaceError, OperationalError)
"""What SQLAlchemy makes of a connection that is gone."""

Result = TypeVar("Result")
Work = Callable[[AsyncConnection], Awaitable[Result]]


class CommitUnknown(Exception):
    """COMMIT was sent and its reply was lost: the transaction may or may not have happened."""


_engine: AsyncEngine | None = None
_watch: PoolWatch | None = None
_lock_waits = LockWaits()


async def open_engine(
    database_url: str,
    *,
    pool_size: int = 10,
    overflow: int = 0,
    recycle_s: float = 300,
    pool_wait_s: float = POOL_WAIT_S,
    statement_timeout_s: float | None = STATEMENT_TIMEOUT_S,
    per_user: bool = False,
) -> None:
    """Makes the process's engine; no connection is opened before the first use.

    With `per_user` its transactions are for users that are named (`app.acting`). Who waited for a
    connection for `pool_wait_s` gets Busy: one that answers requests says so soon.

    No overflow by default: SQLAlchemy closes a connection beyond `pool_size` when it comes back,
    and under load opened one for every few transactions.

    No pre-ping: it costs three round trips a transaction. A connection whose end this process
    has heard of is replaced when it is taken from the pool, so that reads too survive a restart of
    the database. One that died unheard fails before COMMIT, and `in_transaction` tries again.
    """
    global _engine, _lock_waits, _watch
    if _engine is not None:
        raise RuntimeError("the engine is open already")
    _engine = make_engine(
        database_url,
        statement_timeout_s=statement_timeout_s,
        pool_size=pool_size,
        max_overflow=overflow,
        pool_recycle=int(recycle_s),
        pool_timeout=pool_wait_s,
    )
    hold_to_users(per_user)
    _lock_waits = LockWaits(max(1, min(WAITING_MAX, pool_size // 2)))
    _watch = PoolWatch(_engine)


async def close_engine() -> None:
    """Closes every connection. Safe to call twice."""
    global _engine
    if _engine is not None:
        engine, _engine = _engine, None
        await engine.dispose()


@asynccontextmanager
async def transaction(*, step: Step | None = None) -> AsyncGenerator[AsyncConnection]:
    """A READ COMMITTED transaction that commits when the block is left without an error.

    Raises Unavailable when the database cannot be reached before COMMIT, and CommitUnknown
    when the reply to COMMIT was lost. What receives the connection never commits. `step` names
    it for the fault points of tests (`app.faults`).
    """
    async with _checked_out() as connection:
        connection.info.pop(_EFFECTS, None)  # Of a transaction that was rolled back.
        if faults.hook is not None:
            await _reach(step, Moment.BEGIN, connection)
        yield connection
        if faults.hook is not None:
            await _reach(step, Moment.BEFORE_COMMIT, connection)
        try:
            await connection.commit()
        except (DBAPIError, OSError, asyncpg.PostgresError, TimeoutError) as error:
            if sqlstate(error) is None or _follows(error) is Follows.AWAY:
                raise CommitUnknown from error
            raise
        for effect in connection.info.pop(_EFFECTS, ()):
            effect()
        if faults.hook is not None:
            await _reach(step, Moment.AFTER_COMMIT, connection)


def after_commit(connection: AsyncConnection, effect: Callable[[], object]) -> None:
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

    async with _lock_waits.of_user(user_id, within_s=RETRIES_S):
        with for_users(user_id):
            with suppress(Locked):
                return await attempt(LOCK_LOOK_MS)
            async with _lock_waits.slot(within_s=deadline - time.monotonic()):
                return await attempt(LOCK_TURN_MS)


async def wait_at_most(connection: AsyncConnection, *, ms: int) -> None:
    """Statements of this transaction wait no longer than this for a lock; before its first one."""
    raw = await connection.get_raw_connection()
    session: Any = raw.driver_connection
    session.lock_timeout_ms = ms


async def in_statement(
    statement: TextClause, values: Mapping[str, Any], *, step: Step
) -> Sequence[Row[Any]]:
    """The rows of one statement that writes, committed: a transaction by itself.

    It saves the round trips of BEGIN and COMMIT, and takes what `in_transaction` takes: a
    statement that is safe to repeat. When its reply was lost, it is unknown which rows it had;
    the second run finds what they left. Raises Unavailable as `in_transaction` does.
    """

    async def alone() -> Sequence[Row[Any]]:
        async with _checked_out() as connection:
            await _let_statements_commit(connection)
            if faults.hook is not None:
                await _reach(step, Moment.BEGIN, connection)
                await _reach(step, Moment.BEFORE_COMMIT, connection)
            rows = (await connection.execute(statement, values)).all()
            await connection.commit()
            if faults.hook is not None:
                await _reach(step, Moment.AFTER_COMMIT, connection)
            return rows

    return await _again(alone)


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
    async with _checked_out() as connection:
        await connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        yield connection


@asynccontextmanager
async def lone_read() -> AsyncGenerator[AsyncConnection]:
    """For one statement that only reads: it sees one moment by itself, in one round trip.

    Two statements would see two moments. Raises Unavailable when the database cannot be reached.
    """
    async with _checked_out() as connection:
        await _let_statements_commit(connection)
        yield connection


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may go through when it is tried again."""
    return isinstance(error, CommitUnknown | Unavailable) or _follows(error) is not Follows.BUG


def _follows(error: BaseException) -> Follows:
    """What follows from an error of the driver or of the server."""
    state = sqlstate(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return Follows.AWAY
    if state is not None:
        return follows(state)
    # The driver has waited for a reply long enough; a socket that did has an errno.
    if isinstance(cause, TimeoutError) and cause.errno is None:
        return Follows.SLOW
    is_lost = isinstance(cause, OSError | asyncpg.InterfaceError)
    return Follows.AWAY if is_lost or isinstance(error, _LOST) else Follows.BUG


async def _reach(step: Step | None, moment: Moment, connection: AsyncConnection) -> None:
    if step is not None and faults.hook is not None:
        await faults.hook(f"{step}.{moment}", connection)


async def _let_statements_commit(connection: AsyncConnection) -> None:
    """Each statement is a transaction by itself, where its preparation survives that and nothing
    has to be said before it.

    Behind a pooler it may run in another session than it was prepared in: there it gets a
    transaction around it, which the caller commits.
    """
    if not on_begin.get() and not connection.engine.get_execution_options().get(POOLED):
        await connection.execution_options(isolation_level="AUTOCOMMIT")


@asynccontextmanager
async def _checked_out() -> AsyncGenerator[AsyncConnection]:
    if _engine is None:
        raise RuntimeError("the engine is not open: start-up opens it")
    async with AsyncExitStack() as stack:
        try:
            connection = await stack.enter_async_context(_engine.connect())
        except PoolTimeoutError as error:
            raise Busy from error
        except (DBAPIError, OSError, asyncpg.PostgresError, TimeoutError) as error:
            reachability.database.lost(error)
            raise Unavailable from error
        reachability.database.found()
        try:
            yield connection
        except (DBAPIError, OSError, asyncpg.PostgresError) as error:
            match _follows(error):
                case Follows.SLOW:
                    if sqlstate(error) is None:  # The server may not even be there any more.
                        if _watch is not None:
                            _watch.doubt()
                        await connection.invalidate(error)
                    raise TooSlow from error
                case Follows.AGAIN if sqlstate(error) == _LOCKED:
                    raise Locked from error
                case Follows.AGAIN | Follows.AWAY:
                    raise Unavailable from error
                case Follows.BUG if sqlstate(error) == _OF_DELETED_USER:
                    raise UserDeleted from error
                case Follows.BUG:
                    raise
