"""The product's own statements, in the positional form that asyncpg takes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect


class Statement:
    """SQL with `$1`, `$2`, …, and the names whose values they stand for, in order."""

    def __init__(self, clause: TextClause) -> None:
        compiled: Any = clause.compile(dialect=dialect())
        self.sql: str = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup)

    def values(self, named: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the statement's positions."""
        return [named[name] for name in self._names]
