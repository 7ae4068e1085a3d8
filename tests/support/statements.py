"""The statements that this process sends to PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Engine, event


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

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", note)
