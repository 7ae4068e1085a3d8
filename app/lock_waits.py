"""Who waits for rows that other transactions have locked: one transaction of a user, few in all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from weakref import WeakValueDictionary

from app.errors import Locked

WAITING_MAX = 3
"""Connections of a process that wait for locks; the other ones are for what need not."""


class LockWaits:
    """The turns of one process. However much of one user waits, it takes one connection."""

    def __init__(self, waiting_max: int = WAITING_MAX) -> None:
        self._slots = asyncio.Semaphore(waiting_max)
        self._of_users: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncGenerator[None]:
        """Held while one transaction of the user may wait for locks."""
        async with self.of_user(user_id), self.slot():
            yield

    def of_user(
        self, user_id: str, *, within_s: float | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Held by one at a time of those that write for the user. Raises Locked."""
        return _held(self._of_users.setdefault(user_id, asyncio.Lock()), within_s)

    def slot(self, *, within_s: float | None = None) -> AbstractAsyncContextManager[None]:
        """Held by as many as may wait for locks at once. Raises Locked."""
        return _held(self._slots, within_s)


@asynccontextmanager
async def _held(
    place: asyncio.Lock | asyncio.Semaphore, within_s: float | None
) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(within_s):
            await place.acquire()
    except TimeoutError as error:
        raise Locked from error
    try:
        yield
    finally:
        place.release()
