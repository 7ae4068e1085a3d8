"""Barriers: a transaction is held at a point of its own while another one arrives."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from app import faults
from app.faults import Moment, Step
from app.logging import configure_logging
from tests.insights.conftest import chat, execute, generator, keyring, make_engine, until

__all__ = ["chat", "generator", "keyring", "make_engine"]

SOMEBODY_WAITS = """
    DO $$ BEGIN ASSERT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'
    ); END $$
"""


@dataclass
class Held:
    """Who reaches the point first stays there until `let_go`."""

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def let_go(self) -> None:
        self.released.set()


class Barriers:
    """The points at which somebody is held."""

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


@pytest.fixture
async def barriers() -> AsyncIterator[Barriers]:
    configure_logging(json=True)
    barriers = Barriers()
    faults.hook = barriers
    yield barriers
    faults.hook = None


async def until_somebody_waits() -> None:
    """A transaction waits for a lock that another one holds: the race is on."""

    async def waits() -> bool:
        try:
            await execute(SOMEBODY_WAITS)
        except Exception as error:
            if "assertion failed" not in str(error):
                raise
            return False
        return True

    await until(waits)
