"""Acting in the database as one role or the other, in a process that is held to its users."""

from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from app.acting import on_begin
from tests.support.environment import WORKER_ROLE


@contextmanager
def as_worker() -> Generator[None]:
    """What a test looks up, and what a worker in its process does, is done with a worker's rights.

    Tasks that are started meanwhile inherit it.
    """
    before = on_begin.set(f"SET LOCAL ROLE {WORKER_ROLE}")
    try:
        yield
    finally:
        on_begin.reset(before)


@asynccontextmanager
async def by_worker(
    opened: AbstractAsyncContextManager[AsyncConnection],
) -> AsyncGenerator[AsyncConnection]:
    """The transaction, with a worker's rights: `by_worker(snapshot())`."""
    with as_worker():
        async with opened as connection:
            yield connection
