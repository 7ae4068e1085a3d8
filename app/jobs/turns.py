"""Who computes next: the shortest work first, and what has waited long before that.

The first of several slots takes short work only, so that it never waits for long work to end.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

SHORT_MAX = 5_000
"""Messages of a chat that is prepared in well under a second."""
AGE_MAX_S = 30.0
"""After this long the oldest goes before the shortest."""


@dataclass(slots=True, eq=False)
class _Waiting:
    work: int
    since: float
    ready: asyncio.Future[bool] = field(repr=False)
    """Whether its slot is for short work only."""


class Turns:
    """A number of slots, and those who wait for one. Belongs to one event loop."""

    def __init__(self, slots: int) -> None:
        reserved = 1 if slots > 1 else 0
        self._free = {True: reserved, False: slots - reserved}
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def turn(self, work: int) -> AsyncGenerator[None]:
        """A slot for `work` units, which are compared and nothing else."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(work, loop.time(), loop.create_future())
        self._waiting.append(waiting)
        self._hand_out()
        try:
            is_reserved = await waiting.ready
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            elif waiting.ready.done() and not waiting.ready.cancelled():
                self._give_back(waiting.ready.result())
            raise
        try:
            yield
        finally:
            self._give_back(is_reserved)

    def _give_back(self, is_reserved: bool) -> None:
        self._free[is_reserved] += 1
        self._hand_out()

    def _hand_out(self) -> None:
        for is_reserved in (True, False):
            while self._free[is_reserved]:
                fitting = [w for w in self._waiting if not is_reserved or w.work <= SHORT_MAX]
                if not fitting:
                    break
                chosen = _first(fitting)
                self._waiting.remove(chosen)
                if chosen.ready.cancelled():
                    continue
                self._free[is_reserved] -= 1
                chosen.ready.set_result(is_reserved)


def _first(waiting: list[_Waiting]) -> _Waiting:
    """They stand in the order in which they came."""
    oldest = waiting[0]
    if asyncio.get_running_loop().time() - oldest.since >= AGE_MAX_S:
        return oldest
    return min(waiting, key=lambda one: one.work)
