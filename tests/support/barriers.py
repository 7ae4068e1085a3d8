"""Barriers: a transaction is held at a point of its own while another one arrives."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from app.faults import Moment, Step
from tests.support.jobs import execute
from tests.support.waiting import until

TRANSACTION_WAITS = """
    DO $$ BEGIN ASSERT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    ); END $$
"""


@dataclass
class Held:
    """The first transaction that reaches the point stays there until `let_go`."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def let_go(self) -> None:
        self.released.set()


class Barriers:
    """The points at which a transaction is held."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    def hold(self, step: Step, moment: Moment) -> Held:
        """The next transaction that comes to `moment` of `step` is held there; it alone."""
        held = self._held[f"{step}.{moment}"] = Held()
        return held

    async def __call__(self, point: str, connection: Any) -> None:
        held = self._held.pop(point, None)
        if held is not None:
            held.arrived.set()
            await held.released.wait()


async def until_transaction_waits() -> None:
    """A transaction waits for a lock that another one holds: the race is on."""

    async def waits() -> bool:
        try:
            await execute(TRANSACTION_WAITS)
        except Exception as error:
            if "assertion failed" not in str(error):
                raise
            return False
        return True

    await until(waits)
