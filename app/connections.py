"""The connections of a process: its one engine, taking one from the pool, what its errors mean."""

from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar, cast

import asyncpg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.util.concurrency import greenlet_spawn

from app import reachability
from app.acting import hold_to_users, on_begin
from app.database_connect import STATEMENT_TIMEOUT_S, Session
from app.database_pool import POOLED, PoolWatch, make_engine
from app.driver import LOST, DriverConnection
from app.errors import Busy, Locked, TooSlow, Unavailable, UserDeleted
from app.lock_waits import WAITING_MAX, LockWaits
from app.sqlstates import ENDS_CONNECTIONS, Follows, follows, sqlstate

POOL_WAIT_S = 10.0

_LOCKED = "55P03"
_OF_DELETED_USER = "SX401"
_LOST = (InterfaceError, OperationalError)
"""What SQLAlchemy makes of a connection that is gone."""

Result = TypeVar("Result")


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


def lock_waits() -> LockWaits:
    """Who waits for locked rows, in this process."""
    return _lock_waits


def is_transaction_by_itself() -> bool:
    """Whether a statement may be one: its preparation survives that, and nothing has to be said
    before it.

    Behind a pooler it may run in another session than it was prepared in: there it gets a
    transaction around it.
    """
    return not on_begin.get() and not _opened().get_execution_options().get(POOLED)


def _opened() -> AsyncEngine:
    if _engine is None:
        raise RuntimeError("the engine is not open: start-up opens it")
    return _engine


async def _taken(connecting: Awaitable[Result]) -> Result:
    """A connection of the pool. Raises Busy, and Unavailable."""
    try:
        connection = await connecting
    except PoolTimeoutError as error:
        raise Busy from error
    except (DBAPIError, *LOST, asyncpg.PostgresError) as error:
        reachability.database.lost(error)
        raise Unavailable from error
    reachability.database.found()
    return connection


@asynccontextmanager
async def checked_out() -> AsyncGenerator[AsyncConnection]:
    """A connection. Raises what its errors mean to callers, and what is a bug as it is."""
    async with AsyncExitStack() as stack:
        connection = await _taken(stack.enter_async_context(_opened().connect()))
        try:
            yield connection
        except (DBAPIError, OSError, asyncpg.PostgresError) as error:
            if _is_silent(error):
                _doubt_all()
                await connection.invalidate(error)
            if (meaning := _meaning(error)) is None:
                raise
            raise meaning from error


@asynccontextmanager
async def driver_checked_out() -> AsyncGenerator[DriverConnection]:
    """The same by the driver itself. Who is cancelled leaves no connection in an unknown state."""
    taken = await _taken(_opened().raw_connection())
    connection = DriverConnection(cast(Session, taken.driver_connection))
    try:
        yield connection
    except (*LOST, asyncpg.PostgresError) as error:
        if isinstance(error, LOST):
            connection.terminate()
        if _is_silent(error) or sqlstate(error) in ENDS_CONNECTIONS:
            connection.terminate()
            _doubt_all()
        if (meaning := _meaning(error)) is None:
            raise
        raise meaning from error
    except CommitUnknown:
        connection.terminate()
        raise
    except Exception:
        raise
    except BaseException:  # Cancelled, perhaps in the middle of a statement.
        connection.terminate()
        raise
    finally:
        await greenlet_spawn(taken.close)


def _is_silent(error: BaseException) -> bool:
    """Whether no reply came in time: the server may not even be there any more."""
    return what_follows(error) is Follows.SLOW and sqlstate(error) is None


def _doubt_all() -> None:
    if _watch is not None:
        _watch.doubt()


def _meaning(error: BaseException) -> Exception | None:
    """What callers are told of an error; None of one that is a bug."""
    match what_follows(error):
        case Follows.SLOW:
            return TooSlow()
        case Follows.AGAIN if sqlstate(error) == _LOCKED:
            return Locked()
        case Follows.AGAIN | Follows.AWAY:
            return Unavailable()
        case Follows.BUG:
            return UserDeleted() if sqlstate(error) == _OF_DELETED_USER else None


def what_follows(error: BaseException) -> Follows:
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
