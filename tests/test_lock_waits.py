"""Turns of writes that wait for locked rows."""

import asyncio

from app.lock_waits import WAITING_MAX, LockWaits


class Writes:
    """Writes that have their turn until they are let go."""

    def __init__(self) -> None:
        self.waits = LockWaits()
        self.begun: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}

    async def start(self, name: str) -> asyncio.Task[None]:
        """The user is the name's first word."""
        self.gates[name] = asyncio.Event()
        task = asyncio.create_task(self._write(name))
        for _ in range(3):  # It takes one step for the user's lock, and one for a slot.
            await asyncio.sleep(0)
        return task

    async def _write(self, name: str) -> None:
        async with self.waits.turn(name.split()[0]):
            self.begun.append(name)
            await self.gates[name].wait()


async def test_however_much_of_one_user_waits_another_user_has_a_turn() -> None:
    writes = Writes()
    tasks = [await writes.start(f"alice {number}") for number in range(2 * WAITING_MAX)]
    tasks.append(await writes.start("bob 0"))
    assert writes.begun == ["alice 0", "bob 0"]
    for gate in writes.gates.values():
        gate.set()
    await asyncio.gather(*tasks)
    assert len(writes.begun) == 2 * WAITING_MAX + 1


async def test_no_more_wait_at_once_than_leaves_connections_for_others() -> None:
    writes = Writes()
    tasks = [await writes.start(f"user-{number} 0") for number in range(WAITING_MAX + 1)]
    assert len(writes.begun) == WAITING_MAX
    writes.gates[writes.begun[0]].set()
    await tasks[0]
    for gate in writes.gates.values():
        gate.set()
    await asyncio.gather(*tasks)
    assert len(writes.begun) == WAITING_MAX + 1
