"""The synchronous engine: NullPool, so every task opens a connection and closes it at its end.

Or, for settings that keep connections, the pool that SQLAlchemy has by default.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, NullPool, create_engine

from benchmarks.sync_design.setup import setup

CONNECT_TIMEOUT_S = 30
"""More than the slowest serverless database takes to answer."""


def _make_engine() -> Engine:
    url = urlsplit(setup().database_url)._replace(scheme="postgresql+psycopg").geturl()
    connect = {"connect_timeout": CONNECT_TIMEOUT_S}
    if kept := setup().kept_connections:
        return create_engine(url, pool_size=kept, max_overflow=0, connect_args=connect)
    return create_engine(url, poolclass=NullPool, connect_args=connect)


# Made before the children are forked: they share what it imports, and no connection, since a pool
# opens its first one when a task asks for it, in a child.
_ENGINE = _make_engine()


@contextmanager
def connected() -> Iterator[Connection]:
    """The one connection of a task; what was not committed is rolled back."""
    with _ENGINE.connect() as connection:
        yield connection
