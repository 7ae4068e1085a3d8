"""Barriers: a transaction is held at a point of its own while another one arrives."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import TextClause, text

from app.db import snapshot, transaction
from app.faults import Moment, Step
from tests.support.jobs import execute
from tests.support.waiting import until

STALL = 7
"""Number of the advisory lock that stalled statements wait for."""

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


class Stall:
    """Statements that wait in the middle of their work, with the locks that they have by then."""

    async def arrived(self, count: int = 1) -> None:
        """So many transactions wait for a lock: the stalled ones, and those that wait for them."""

        async def are_waiting() -> bool:
            async with snapshot() as connection:
                waiting = await connection.scalar(_WAITING)
            return waiting >= count

        await until(are_waiting)


@asynccontextmanager
async def stalling() -> AsyncGenerator[Stall]:
    """What asks for the lock STALL waits until the block is left."""
    async with transaction() as holder:
        await holder.execute(text(f"SELECT pg_advisory_xact_lock({STALL})"))
        yield Stall()


@asynccontextmanager
async def stalled(event: str, table: str) -> AsyncGenerator[Stall]:
    """Every `event` (INSERT, UPDATE) of a row of `table` waits until the block is left.

    For statements that commit themselves: they have no point at which they could be held.
    """
    async with transaction() as connection:
        await connection.execute(text(_STALLING))
        await connection.execute(
            text(
                f"CREATE TRIGGER stall BEFORE {event} ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION stall()"
            )
        )
    async with stalling() as stall:
        yield stall


def stalled_before(statement: TextClause, words: str) -> TextClause:
    """The statement, which waits for the lock STALL before it does what `words` of it say.

    They follow a condition of it. Its snapshot is older than the wait.
    """
    before, found, after = statement.text.partition(words)
    if not found:
        raise AssertionError(f"the statement has no {words!r}")
    asks = f"AND EXISTS (SELECT FROM pg_advisory_xact_lock_shared({STALL})) "
    return text(f"{before}{asks}{words}{after}")


_STALLING = f"""
    CREATE OR REPLACE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock_shared({STALL}); RETURN NEW; END $$
"""
_WAITING = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
""")
