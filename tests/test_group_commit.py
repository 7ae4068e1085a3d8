import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import pytest

from app.errors import Unavailable
from app.group_commit import SKIPPED, GroupCommit, Lane, Skipped
from tests.support.waiting import until


class Flushes:
    """A flush that notes its batches, waits for its gate, and refuses what is negative."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.begun.set()
        await self.gate.wait()
        if any(item < 0 for item in items):
            raise ValueError("refused")
        if 99 in items:
            raise Unavailable
        return [item * 10 for item in items]


async def test_what_is_ready_at_one_moment_goes_into_one_flush() -> None:
    flushes = Flushes()
    group = GroupCommit(flushes, kind="test")
    assert await asyncio.gather(*(group.submit(n) for n in range(5))) == [0, 10, 20, 30, 40]
    assert flushes.batches == [[0, 1, 2, 3, 4]]


async def test_an_idle_lane_flushes_a_single_item_at_once() -> None:
    flushes = Flushes()
    group = GroupCommit(flushes, kind="test")
    assert [await group.submit(1), await group.submit(2)] == [10, 20]
    assert flushes.batches == [[1], [2]]


async def test_items_gather_while_a_flush_is_under_way() -> None:
    flushes = Flushes()
    flushes.gate.clear()
    group = GroupCommit(flushes, kind="test")
    first = asyncio.create_task(group.submit(1))
    await flushes.begun.wait()
    rest = [asyncio.create_task(group.submit(n)) for n in (2, 3)]
    await asyncio.sleep(0)
    flushes.gate.set()
    assert await asyncio.gather(first, *rest) == [10, 20, 30]
    assert flushes.batches == [[1], [2, 3]]


async def test_a_bad_item_fails_alone() -> None:
    flushes = Flushes()
    group = GroupCommit(flushes, kind="test")
    outcomes = await asyncio.gather(*(group.submit(n) for n in (1, -1, 3)), return_exceptions=True)
    assert [outcomes[0], outcomes[2]] == [10, 30]
    assert isinstance(outcomes[1], ValueError)
    assert flushes.batches == [[1, -1, 3], [1], [-1], [3]]


async def test_a_batch_that_could_not_reach_the_database_fails_whole() -> None:
    flushes = Flushes()
    group = GroupCommit(flushes, kind="test")
    outcomes = await asyncio.gather(*(group.submit(n) for n in (1, 99)), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert flushes.batches == [[1, 99]]


async def test_a_batch_is_bounded() -> None:
    flushes = Flushes()
    group = GroupCommit(flushes, kind="test", batch_max=2)
    await asyncio.gather(*(group.submit(n) for n in range(5)))
    assert flushes.batches == [[0, 1], [2, 3], [4]]


async def test_what_was_given_up_while_waiting_is_not_written() -> None:
    flushes = Flushes()
    flushes.gate.clear()
    group = GroupCommit(flushes, kind="test")
    first = asyncio.create_task(group.submit(1))
    await flushes.begun.wait()
    given_up = asyncio.create_task(group.submit(2))
    await asyncio.sleep(0)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    flushes.gate.set()
    await first
    await group.close()
    assert flushes.batches == [[1]]


@pytest.mark.parametrize("kept", [1, 3])
async def test_outcomes_that_do_not_match_their_items_fail_all_of_them(kept: int) -> None:
    async def flush(items: Sequence[int]) -> list[int]:
        return ([*items] * 2)[:kept]

    group = GroupCommit(flush, kind="test")
    async with asyncio.timeout(10):
        outcomes = await asyncio.gather(*map(group.submit, (1, 2)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == [f"{kept} outcomes for 2 items"] * 2
    assert all(isinstance(outcome, RuntimeError) for outcome in outcomes)


class Waits:
    """A lane with a gate; it refuses what is below -9."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.written: list[int] = []
        self.gate = asyncio.Event()

    async def write(self, item: int) -> int:
        self.written.append(item)
        if item < -9:
            raise ValueError("refused")
        return item * 10

    @asynccontextmanager
    async def turn(self, item: int) -> AsyncGenerator[None]:
        self.begun.append(item)
        await self.gate.wait()
        yield


async def _skip_negatives(items: Sequence[int]) -> list[int | Skipped]:
    return [SKIPPED if item < 0 else item * 10 for item in items]


async def test_what_is_skipped_waits_in_a_lane_and_holds_up_nothing_else() -> None:
    waits = Waits()
    group = GroupCommit(_skip_negatives, kind="test", lane=Lane(waits.write, waits.turn))
    skipped = [asyncio.create_task(group.submit(n)) for n in (-1, -10, -3)]
    assert await group.submit(4) == 40
    assert await group.submit(5) == 50
    await until(lambda: len(waits.begun) == 3)
    skipped[2].cancel()
    closing = asyncio.create_task(group.close())
    await asyncio.sleep(0)
    assert not closing.done()
    waits.gate.set()
    assert await skipped[0] == -10
    with pytest.raises(ValueError, match="refused"):
        await skipped[1]
    await closing
    assert sorted(waits.written) == [-10, -1]


async def test_what_is_skipped_for_a_moment_is_written_with_the_next_batches() -> None:
    waits, skips = Waits(), 2

    async def flush(items: Sequence[int]) -> list[int | Skipped]:
        nonlocal skips
        skips -= 1
        return [SKIPPED if skips >= 0 else item * 10 for item in items]

    group = GroupCommit(flush, kind="test", lane=Lane(waits.write, waits.turn))
    assert await group.submit(1) == 10
    await group.close()
    assert (skips, waits.begun) == (-1, [])


async def test_what_is_skipped_without_a_lane_fails() -> None:
    group = GroupCommit(_skip_negatives, kind="test")
    with pytest.raises(RuntimeError, match="no lane"):
        await group.submit(-1)
