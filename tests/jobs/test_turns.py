"""Whose chat is prepared next."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.jobs import turns
from app.jobs.turns import SHORT_MAX, Turns

LONG = SHORT_MAX + 1


class Queue:
    """Work that waits for its turn, and the order in which it had it."""

    def __init__(self, slots: int) -> None:
        self.turns = Turns(slots)
        self.begun: list[int] = []
        self.gates: dict[int, asyncio.Event] = {}
        self.tasks: dict[int, asyncio.Task[None]] = {}

    async def add(self, work: int) -> None:
        self.gates[work] = asyncio.Event()
        self.tasks[work] = asyncio.create_task(self._do(work))
        await asyncio.sleep(0)

    async def end(self, work: int) -> None:
        self.gates[work].set()
        await self.tasks[work]
        await asyncio.sleep(0)  # Whose turn it is hears of it.

    async def _do(self, work: int) -> None:
        async with self.turns.turn(work):
            self.begun.append(work)
            await self.gates[work].wait()


@pytest.fixture
async def one_slot() -> AsyncIterator[Queue]:
    queue = Queue(1)
    yield queue
    for task in queue.tasks.values():
        task.cancel()


async def test_the_shortest_work_is_next(one_slot: Queue) -> None:
    for work in (50_000, 40_000, 200, 7_000):
        await one_slot.add(work)
    for work in (50_000, 200, 7_000, 40_000):
        await one_slot.end(work)
    assert one_slot.begun == [50_000, 200, 7_000, 40_000]


async def test_what_has_waited_long_is_next(
    one_slot: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in (1, 40_000, 200):
        await one_slot.add(work)
    monkeypatch.setattr(turns, "AGE_MAX_S", 0.0)
    await one_slot.end(1)
    assert one_slot.begun == [1, 40_000]


async def test_short_work_waits_for_no_long_work_where_there_are_two_slots() -> None:
    queue = Queue(2)
    for work in (LONG, LONG + 1, 10):
        await queue.add(work)
    assert queue.begun == [LONG, 10]
    await queue.end(10)
    assert queue.begun == [LONG, 10]
    await queue.end(LONG)
    assert queue.begun == [LONG, 10, LONG + 1]
    await queue.end(LONG + 1)


async def test_what_is_cancelled_while_it_waits_or_as_its_turn_comes_keeps_no_slot(
    one_slot: Queue,
) -> None:
    for work in (1, 2, 3):
        await one_slot.add(work)
    one_slot.tasks[3].cancel()
    one_slot.gates[1].set()
    await asyncio.sleep(0)  # It ends.
    one_slot.tasks[2].cancel()  # Its turn has come, and it has not heard of it.
    await asyncio.wait([one_slot.tasks[2], one_slot.tasks[3]])
    await one_slot.add(4)
    assert one_slot.begun == [1, 4]
