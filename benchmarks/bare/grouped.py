"""The product's own statements by bare asyncpg: for one job at a time, and for all that are ready.

The statements are taken from the product as they are, so both run the same SQL; what is left to
compare is SQLAlchemy, the broker and all else that a real worker does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from app.credits.models import ReservationState
from app.credits.sql import LOCK_ACCOUNTS, SETTLE
from app.jobs import leases, prepared_chats, results, settle
from app.jobs.leases import HeldLease, Locking
from app.jobs.models import NOTHING_TO_SAY, JobState
from app.jobs.results import InsightResult
from app.jobs.settle import Guard
from benchmarks.bare.statements import Statement
from benchmarks.bare.steps import ATTEMPT_S, LEASE_S, PART, Claimed, Connections
from benchmarks.contestant import Job

BATCH_MAX = 500

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_CLAIM = Statement(leases._CLAIM)
_PARTS = Statement(prepared_chats.PARTS)
_STORE = {locking: Statement(one) for locking, one in results._STORE.items()}
_LOCK_ACCOUNTS = Statement(LOCK_ACCOUNTS)
_END = {locking: Statement(one) for locking, one in settle._END.items()}
_SETTLE = Statement(SETTLE)


class Flushes:
    """One transaction for any number of jobs."""

    def __init__(self, connections: Connections, locking: Locking) -> None:
        """`locking` is for those that write to jobs under their leases."""
        self._connections = connections
        self._store, self._end = _STORE[locking], _END[locking]

    async def claim(self, jobs: Sequence[Job]) -> list[Claimed | None]:
        asked = {
            "user_ids": [user_id for user_id, _ in jobs],
            "ids": [job_id for _, job_id in jobs],
            "lease_s": LEASE_S,
            "attempt_s": ATTEMPT_S,
            "only_prepared": True,
        }
        async with self._connections.taken() as connection:
            rows = await connection.fetch(_CLAIM.sql, *_CLAIM.values(asked))
        claimed = {(row["user_id"], row["id"]): Claimed.of(row) for row in rows}
        return [claimed.pop(job, None) for job in jobs]

    async def read(self, claimed: Sequence[Claimed]) -> list[bytes | None]:
        asked = {
            "user_ids": [one.held.user_id for one in claimed],
            "chat_ids": [one.chat_id for one in claimed],
            "categories": [one.category for one in claimed],
            "part": PART.value,
        }
        async with self._connections.taken() as connection:
            rows = await connection.fetch(_PARTS.sql, *_PARTS.values(asked))
        sealed = {(row["user_id"], row["chat_id"], row["category"]): row["sealed"] for row in rows}
        return [sealed.get((one.held.user_id, one.chat_id, one.category)) for one in claimed]

    async def store(self, stored: Sequence[InsightResult]) -> list[bool]:
        async with self._connections.taken() as connection:
            rows = await connection.fetch(
                self._store.sql, *self._store.values(results.bound(stored))
            )
        written = {(row["user_id"], row["id"], row["ord"]) for row in rows}
        return [(one.lease.user_id, one.lease.job_id, one.ord) in written for one in stored]

    async def settle(self, held: Sequence[HeldLease]) -> list[bool]:
        count = len(held)
        ending = {
            "user_ids": [lease.user_id for lease in held],
            "ids": [lease.job_id for lease in held],
            "guards": [Guard.FENCE.value] * count,
            "fences": [lease.fence for lease in held],
            "captures": [True] * count,
            "others": [None] * count,
            "error_codes": [None] * count,
        }
        users = {"user_ids": sorted(set(ending["user_ids"]))}
        async with self._connections.transaction() as connection:
            await connection.fetch(_LOCK_ACCOUNTS.sql, *_LOCK_ACCOUNTS.values(users))
            rows = await connection.fetch(self._end.sql, *self._end.values(ending))
            ended = {
                (row["user_id"], row["id"]): row["charged"]
                for row in rows
                if row["state"] == _SUCCEEDED
            }
            paid = await connection.fetch(_SETTLE.sql, *_SETTLE.values(_settlements(ended)))
            if {(row["user_id"], row["id"]) for row in paid} != set(ended):
                raise RuntimeError("a job was ended whose reservation was settled before")
        return [(lease.user_id, lease.job_id) in ended for lease in held]


class SingleSteps:
    """Each step of each job by itself."""

    def __init__(self, connections: Connections) -> None:
        # The six results of a job wait for each other: they write to one row.
        self._flushes = Flushes(connections, Locking.WAIT)

    async def claim(self, job: Job) -> Claimed | None:
        return (await self._flushes.claim([job]))[0]

    async def read(self, claimed: Claimed) -> bytes | None:
        return (await self._flushes.read([claimed]))[0]

    async def store(self, result: InsightResult) -> bool:
        return (await self._flushes.store([result]))[0]

    async def settle(self, held: HeldLease) -> bool:
        return (await self._flushes.settle([held]))[0]


class Group(Generic[Item, Outcome]):
    """The product's group commit without its failure handling: here a failure ends the run."""

    def __init__(self, flush: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]]) -> None:
        self._flush = flush
        self._waiting: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._flushing: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Outcome:
        """Flushes at once when idle, and gathers while a flush is under way."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush_all())
        return await future

    async def _flush_all(self) -> None:
        try:
            while batch := self._waiting[:BATCH_MAX]:
                del self._waiting[:BATCH_MAX]
                try:
                    outcomes = await self._flush([item for item, _ in batch])
                except Exception as error:  # noqa: BLE001 (handed to the submitters)
                    for _, future in batch:
                        future.set_exception(error)
                    continue
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    future.set_result(outcome)
        finally:
            self._flushing = None


class BatchedSteps:
    """What is ready, of all jobs, in one statement: the product's group commit."""

    def __init__(self, connections: Connections) -> None:
        flushes = Flushes(connections, Locking.SKIP)
        self._claims = Group[Job, Claimed | None](flushes.claim)
        self._parts = Group[Claimed, bytes | None](flushes.read)
        self._results = Group[InsightResult, bool](flushes.store)
        self._settles = Group[HeldLease, bool](flushes.settle)

    async def claim(self, job: Job) -> Claimed | None:
        return await self._claims.submit(job)

    async def read(self, claimed: Claimed) -> bytes | None:
        return await self._parts.submit(claimed)

    async def store(self, result: InsightResult) -> bool:
        return await self._results.submit(result)

    async def settle(self, held: HeldLease) -> bool:
        return await self._settles.submit(held)


_SUCCEEDED = JobState.SUCCEEDED.value


def _settlements(jobs: Mapping[Job, int]) -> dict[str, list[object]]:
    """`jobs` with what each is charged."""
    return {
        "user_ids": [user_id for user_id, _ in jobs],
        "ids": [job_id for _, job_id in jobs],
        "states": [ReservationState.CAPTURED.value] * len(jobs),
        "captures": list(jobs.values()),
        "reasons": [NOTHING_TO_SAY] * len(jobs),
    }
