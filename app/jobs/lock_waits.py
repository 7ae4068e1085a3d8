"""Who waits for rows that other transactions have locked: one transaction of a user, few in all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

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
        lock = self._of_users.setdefault(user_id, asyncio.Lock())
        async with lock, self._slots:
            yield
