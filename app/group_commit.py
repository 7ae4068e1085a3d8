"""Group commit: what many jobs of a process have ready at one moment goes into one statement."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from app import telemetry
from app.db import is_transient

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

BATCH_MAX = 500
AGAIN_S = (0.005, 0.01, 0.02, 0.04)
"""Pauses before an item that was skipped goes into a batch once more. Most locks are those of other
writes of this process to the same job, and last as long as a commit."""


class Skipped(Enum):
    """What a flush answers for an item that it left out: another transaction has locked its row."""

    ITEM = 0


SKIPPED: Final = Skipped.ITEM


@dataclass(frozen=True, slots=True)
class Lane(Generic[Item, Outcome]):
    """Where items wait that a flush has skipped, each a transaction by itself."""

    write: Callable[[Item], Awaitable[Outcome]]
    """Waits for the item's lock, within a limit."""
    turn: Callable[[Item], AbstractAsyncContextManager[None]]
    """Held while the item is written: it bounds how many wait for locks at once."""


class GroupCommit(Generic[Item, Outcome]):
    """Items that wait for one flush after another; each submitter gets its own outcome.

    It flushes when it is idle and gathers while a flush is under way. No timer holds anything
    back: one made an idle system slower and a busy one no faster. A batch that the database
    refuses is flushed again item by item, so that a bad row fails alone; one that could not
    reach the database fails whole, since its items would fare no better alone. What a flush skips
    goes into some more batches, then waits for its lock in a lane: a locked row holds up no other
    item of its batch.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Skipped]]],
        *,
        kind: str,
        lane: Lane[Item, Outcome] | None = None,
        batch_max: int = BATCH_MAX,
        idle: Callable[[], object] | None = None,
    ) -> None:
        """`flush` answers one outcome for each item, in order; its effects are one transaction.

        A flush that skips items needs a `lane`. `kind` names it in the metrics; `idle` is called
        whenever nothing is left to flush.
        """
        self._flush = flush
        self._lane = lane
        self._in_lane: set[asyncio.Task[None]] = set()
        self._again: set[asyncio.Future[Any]] = set()
        """Of items that were skipped before: they hear of it when they are once more."""
        self._sizes = telemetry.batch_size.labels(kind)
        self._batch_max = batch_max
        self._idle = idle
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Outcome:
        """The outcome of `item`, once its transaction is committed. Raises what its flush raised.

        A submitter that is cancelled does not take back what is flushed already.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._add(item, future)
        return await future

    async def close(self) -> None:
        """Waits for what was submitted."""
        while under_way := [task for task in (self._flushing, *self._in_lane) if task]:
            await asyncio.wait(under_way)

    def _add(self, item: Item, future: asyncio.Future[Any]) -> None:
        self._waiting.append((item, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_all())

    async def _flush_all(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._batch_max]
                del self._waiting[: self._batch_max]
                # An item whose submitter gave up (a cancelled attempt) must not be written.
                batch = [entry for entry in batch if not entry[1].done()]
                if batch:
                    await self._flush_batch(batch)
        finally:
            self._flushing = None
            if self._idle is not None:
                self._idle()

    async def _flush_batch(self, batch: list[tuple[Item, asyncio.Future[Outcome]]]) -> None:
        self._sizes.observe(len(batch))
        try:
            outcomes = await self._flush([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 (handed to the submitters, never swallowed)
            if len(batch) == 1 or is_transient(error):
                _fail(batch, error)
                return
            for entry in batch:
                if not entry[1].done():
                    await self._flush_batch([entry])
            return
        if len(outcomes) != len(batch):
            # Whose outcome is missing cannot be told, and the transaction is committed.
            _fail(batch, RuntimeError(f"{len(outcomes)} outcomes for {len(batch)} items"))
            return
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Skipped) and entry[1] not in self._again:
                self._skip(entry)
            elif not entry[1].done():
                future: asyncio.Future[Any] = entry[1]
                future.set_result(outcome)

    def _skip(self, entry: tuple[Item, asyncio.Future[Outcome]]) -> None:
        if self._lane is None:
            _fail([entry], RuntimeError("an item was skipped that has no lane to wait in"))
            return
        task = asyncio.create_task(self._write_in(self._lane, entry))
        self._in_lane.add(task)
        task.add_done_callback(self._in_lane.discard)

    async def _write_in(
        self, lane: Lane[Item, Outcome], entry: tuple[Item, asyncio.Future[Outcome]]
    ) -> None:
        item, future = entry
        try:
            outcome = await self._flush_again(entry)
            if isinstance(outcome, Skipped):
                async with lane.turn(item):
                    if future.done():  # Its submitter gave up.
                        return
                    outcome = await lane.write(item)
        except Exception as error:  # noqa: BLE001 (handed to the submitter, never swallowed)
            _fail([entry], error)
            return
        if not future.done():
            future.set_result(outcome)

    async def _flush_again(self, entry: tuple[Item, asyncio.Future[Outcome]]) -> Outcome | Skipped:
        """What the next batches make of an item that was skipped."""
        for pause_s in AGAIN_S:
            await asyncio.sleep(pause_s)
            if entry[1].done():
                break
            again: asyncio.Future[Outcome | Skipped] = asyncio.get_running_loop().create_future()
            self._again.add(again)
            try:
                self._add(entry[0], again)
                outcome = await again
            finally:
                self._again.discard(again)
            if not isinstance(outcome, Skipped):
                return outcome
        return SKIPPED


def _fail(batch: Sequence[tuple[Item, asyncio.Future[Outcome]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
