"""Statements by the database driver itself: what a worker and an unlock do all the time.

SQLAlchemy's way of a statement costs several times the processor time of the driver's
(`python -m benchmarks.statement_cost`), for what a fixed statement with named values does not need.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import asyncpg
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from app.database_connect import Session

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
LOST = (OSError, asyncpg.InterfaceError)
"""After one of these nothing is known of the connection; a reply that did not come in time is an
OSError too."""


class DriverRow(asyncpg.Record):
    """A row whose columns are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError as error:
            raise AttributeError(name) from error


class DriverRows(list[Any]):
    """The rows of a statement, read as those of SQLAlchemy are."""

    def all(self) -> "DriverRows":
        """All of them."""
        return self

    def first(self) -> Any:
        """The first; None if there is none."""
        return self[0] if self else None

    def one(self) -> Any:
        """The only one. Raises ValueError if there are more, or none."""
        (row,) = self
        return row


class DriverConnection:
    """A connection inside a transaction, or before statements that each are one."""

    def __init__(self, session: Session) -> None:
        self.info: dict[str, Any] = {}
        self._session = session

    async def execute(
        self, statement: TextClause, values: Mapping[str, Any] | None = None
    ) -> DriverRows:
        """The rows of the statement. Raises the driver's own errors."""
        sql, names = for_driver(statement)
        given = [values[name] for name in names] if values is not None else []
        session: Any = self._session  # asyncpg ships no types.
        return DriverRows(await session.fetch(sql, *given, record_class=DriverRow))

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[None]:
        """Around statements that are one transaction; it does not commit by itself."""
        await self._session.execute(_BEGIN)
        try:
            yield
        except LOST:
            self._session.terminate()
            raise
        except Exception:
            await self._roll_back()
            raise
        # Who is cancelled waits for nothing more: `app.db` ends the session.

    async def commit(self) -> None:
        """Ends the transaction."""
        await self._session.execute("COMMIT")

    def terminate(self) -> None:
        """Ends the session: it is in a state that is not known."""
        self._session.terminate()

    async def _roll_back(self) -> None:
        try:
            if not self._session.is_closed():
                await self._session.execute("ROLLBACK")
        except (*LOST, asyncpg.PostgresError):
            self._session.terminate()


@lru_cache(maxsize=256)
def for_driver(statement: TextClause) -> tuple[str, tuple[str, ...]]:
    """The statement as the driver gets it, and the names of the values for `$1`, `$2`, …"""
    compiled: Any = statement.compile(dialect=PGDialect_asyncpg())
    return str(compiled), tuple(compiled.positiontup or ())
