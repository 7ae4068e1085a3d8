"""The pool of a process's connections to PostgreSQL: how they are made, and which are trusted."""

import asyncio
import time
from functools import partial
from typing import Any
from weakref import WeakSet

from sqlalchemy import ExceptionContext, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_

from app.database_connect import STATEMENT_TIMEOUT_S, Session, connect, find_pooler
from app.database_url import DatabaseAddress, parse_database_url
from app.sqlstates import ENDS_CONNECTIONS, sqlstate

STATEMENTS_KEPT = 100
"""Prepared, of one connection."""
POOLED = "sixfold_pooled"
"""Execution option of the engine: whether a pooler stands in front of the database."""

PATIENCE_S = 1.0
"""For those that are in use when another connection was silent for too long."""


def make_engine(
    database_url: str, *, statement_timeout_s: float | None = STATEMENT_TIMEOUT_S, **pool: Any
) -> AsyncEngine:
    """An engine that connects as `database_url` says and as what stands in front needs it."""
    engine = create_async_engine("postgresql+asyncpg://", **pool)
    connector = _Connector(parse_database_url(database_url), statement_timeout_s)
    event.listen(engine.sync_engine, "do_connect", connector)
    connector.engine = engine
    return engine


class _Connector:
    """Makes the connections of an engine; before the first one it looks for a pooler."""

    engine: AsyncEngine

    def __init__(self, address: DatabaseAddress, statement_timeout_s: float | None) -> None:
        self._address = address
        self._statement_timeout_s = statement_timeout_s
        self._is_pooled: bool | None = None

    def __call__(self, dialect: Any, _record: Any, args: Any, options: dict[str, Any]) -> Any:
        if self._is_pooled is None:
            self._is_pooled = await_(find_pooler(self._address))
            self.engine.sync_engine.update_execution_options(**{POOLED: self._is_pooled})
        options |= {
            "address": self._address,
            "pooled": self._is_pooled,
            "statement_timeout_s": self._statement_timeout_s,
            "async_creator_fn": connect,
            "prepared_statement_cache_size": 0 if self._is_pooled else STATEMENTS_KEPT,
        }
        return dialect.connect(*args, **options)


class PoolWatch:
    """Replaces the connections of a pool that lead nowhere.

    One whose end was heard of is replaced when it is taken from the pool. One that stands open and
    is silent tells nothing of itself; so when a statement on one of them had no reply in time, all
    are ended: the idle at once, those in use after PATIENCE_S more.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions: WeakSet[Session] = WeakSet()
        for name, heard in (
            ("connect", self._note_opened),
            ("checkout", self._note_taken),
            ("checkin", self._note_returned),
            ("handle_error", _drop_connections),
        ):
            event.listen(engine.sync_engine, name, heard)

    def doubt(self) -> None:
        """A statement had no reply in time: what swallowed it may swallow its neighbours'."""
        now = time.monotonic()
        self._end_those(opened_before=now, taken_before=now - PATIENCE_S)
        later = partial(self._end_those, opened_before=now, taken_before=now)
        asyncio.get_running_loop().call_later(PATIENCE_S, later)

    def _end_those(self, *, opened_before: float, taken_before: float) -> None:
        """The idle, and those that are in use since then."""
        for session in list(self._sessions):
            is_silent = session.taken_at is None or session.taken_at <= taken_before
            if session.opened_at <= opened_before and is_silent:
                session.terminate()

    def _note_opened(self, connection: Any, _record: object) -> None:
        session: Session = connection.driver_connection
        session.opened_at = time.monotonic()
        self._sessions.add(session)

    def _note_taken(self, connection: Any, _record: object, _fairy: object) -> None:
        session: Session = connection.driver_connection
        if session.is_closed():  # Asking the server costs a round trip; this costs none.
            raise DisconnectionError
        session.taken_at = time.monotonic()
        session.lock_timeout_ms = None  # Of a transaction that never began.

    def _note_returned(self, connection: Any, _record: object) -> None:
        if connection is not None:
            connection.driver_connection.taken_at = None


def _drop_connections(context: ExceptionContext) -> None:
    """Of a pool that leads to a server which does not do what it did: all of them are replaced."""
    if sqlstate(context.original_exception) in ENDS_CONNECTIONS:
        context.is_disconnect = True
