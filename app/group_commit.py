"""Group commit: what many jobs of a process have ready at one moment goes into one statement."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Final, Generic, TypeVar

from app import telemetry
from app.db import is_transient

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

BATCH_MAX = 500


class Skipped(Enum):
    """What a flush answers for an item that it left out: another transaction has locked its row."""

    ITEM = 0


SKIPPED: Final = Skipped.ITEM


class GroupCommit(Generic[Item, Outcome]):
    """Items that wait for one flush after another; each submitter gets its own outcome.

    It flushes when it is idle and gathers while a flush is under way. No timer holds anything
    back: one made an idle system slower and a busy one no faster. A batch that the database
    refuses is flushed again item by item, so that a bad row fails alone; one that could not
    reach the database fails whole, since its items would fare no better alone. What a flush skips
    goes into a lane of its own, where one item after the other waits for its lock: a locked row
    holds up no other item.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome | Skipped]]],
        *,
        kind: str,
        wait: Callable[[Item], Awaitable[Outcome]] | None = None,
        batch_max: int = BATCH_MAX,
        idle: Callable[[], object] | None = None,
    ) -> None:
        """`flush` answers one outcome for each item, in order; its effects are one transaction.

        `wait` flushes one item that was skipped. `kind` names it in the metrics; `idle` is called
        whenever nothing is left to flush.
        """
        self._flush = flush
        self._wait = wait
        self._skipped: deque[tuple[Item, asyncio.Future[Outcome]]] = deque()
        self._waiting_lane: asyncio.Task[None] | None = None
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
        self._waiting.append((item, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_all())
        return await future

    async def close(self) -> None:
        """Waits for what was submitted."""
        while under_way := {task for task in (self._flushing, self._waiting_lane) if task}:
            await asyncio.wait(under_way)

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
            if isinstance(outcome, Skipped):
                self._skip(entry)
            elif not entry[1].done():
                entry[1].set_result(outcome)

    def _skip(self, entry: tuple[Item, asyncio.Future[Outcome]]) -> None:
        self._skipped.append(entry)
        if self._waiting_lane is None:
            self._waiting_lane = asyncio.create_task(self._wait_for_all())

    async def _wait_for_all(self) -> None:
        try:
            while self._skipped:
                item, future = self._skipped.popleft()
                if not future.done():
                    await self._wait_for(item, future)
        finally:
            self._waiting_lane = None

    async def _wait_for(self, item: Item, future: asyncio.Future[Outcome]) -> None:
        try:
            if self._wait is None:
                raise RuntimeError("an item was skipped that nothing waits for")
            outcome = await self._wait(item)
        except Exception as error:  # noqa: BLE001 (handed to the submitter, never swallowed)
            _fail([(item, future)], error)
            return
        if not future.done():
            future.set_result(outcome)


def _fail(batch: Sequence[tuple[Item, asyncio.Future[Outcome]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
