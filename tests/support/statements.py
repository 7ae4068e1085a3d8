"""The statements that this process sends to PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from unittest.mock import patch

from sqlalchemy import Engine, TextClause, event

from app.driver import DriverConnection, for_driver


class Statement(NamedTuple):
    """As the driver gets it: its text with `$1`, … and what stands for these."""

    text: str
    parameters: Any


@contextmanager
def noted_statements() -> Iterator[list[Statement]]:
    """Those sent while it lasts, BEGIN and COMMIT not among them."""
    statements: list[Statement] = []

    def note(_connection: Any, _cursor: Any, text: str, parameters: Any, *_: Any) -> None:
        statements.append(Statement(text, parameters))

    execute = DriverConnection.execute

    async def note_and_execute(
        connection: DriverConnection, statement: TextClause, values: Any = None
    ) -> Any:
        text, names = for_driver(statement)
        statements.append(Statement(text, tuple(values[name] for name in names)))
        return await execute(connection, statement, values)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch.object(DriverConnection, "execute", note_and_execute):
            yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)
