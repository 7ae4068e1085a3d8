"""The pool of a process's connections to PostgreSQL: how they are made, and which are trusted."""

import time
from typing import Any

from sqlalchemy import ExceptionContext, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_

from app.database_connect import STATEMENT_TIMEOUT_S, connect, find_pooler
from app.database_url import DatabaseAddress, parse_database_url
from app.sqlstates import ENDS_CONNECTIONS, sqlstate

STATEMENTS_KEPT = 100
"""Prepared, of one connection."""
POOLED = "sixfold_pooled"
"""Execution option of the engine: whether a pooler stands in front of the database."""

_OPENED_AT = "sixfold_opened_at"
"""Key of the monotonic time at which a connection was opened."""

_doubted_at = 0.0
"""When a connection last gave no reply in time; those opened before are not trusted."""


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


def watch_pool(engine: AsyncEngine) -> None:
    """From now on a connection that leads nowhere is replaced when it is taken from the pool."""
    global _doubted_at
    _doubted_at = 0.0
    event.listen(engine.sync_engine, "connect", _note_opening)
    event.listen(engine.sync_engine, "checkout", _refuse_doubtful)
    event.listen(engine.sync_engine, "handle_error", _drop_connections)


def doubt_connections() -> None:
    """What made one connection lead nowhere made its neighbours: all are replaced when needed."""
    global _doubted_at
    _doubted_at = time.monotonic()


def _note_opening(_connection: Any, record: Any) -> None:
    record.info[_OPENED_AT] = time.monotonic()


def _refuse_doubtful(connection: Any, record: Any, _fairy: Any) -> None:
    """The pool opens another instead of one that is closed, or as old as one that went silent.

    Asking the server costs a round trip; this costs none.
    """
    connection.driver_connection.lock_timeout_ms = None  # Of a transaction that never began.
    if connection.driver_connection.is_closed() or record.info[_OPENED_AT] < _doubted_at:
        raise DisconnectionError


def _drop_connections(context: ExceptionContext) -> None:
    """Of a pool that leads to a server which does not do what it did: all of them are replaced."""
    if sqlstate(context.original_exception) in ENDS_CONNECTIONS:
        context.is_disconnect = True
