"""The synchronous engine: NullPool, so every task opens a connection and closes it at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, NullPool, create_engine

from benchmarks.sync_design.setup import setup

CONNECT_TIMEOUT_S = 30
"""More than the slowest serverless database takes to answer."""


@contextmanager
def connected() -> Iterator[Connection]:
    """The one connection of a task; what was not committed is rolled back."""
    with _engine().connect() as connection:
        yield connection


@cache
def _engine() -> Engine:
    """Safe to inherit by fork: without a pool there is no connection to share."""
    url = urlsplit(setup().database_url)._replace(scheme="postgresql+psycopg").geturl()
    return create_engine(
        url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_TIMEOUT_S}
    )
