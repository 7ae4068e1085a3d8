"""Every write of a worker process under a lease: renew, note, store, requeue, settle.

Behind each verb stands a group commit, shared by all jobs of the process; none waits for
another's flush, nor for a row that another transaction has locked.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import structlog

from app.db import is_transient
from app.group_commit import GroupCommit, Lane, Skipped
from app.jobs.attempt import Attempt, LeaseLost
from app.jobs.leases import (
    ATTEMPT_CLEANUP_S,
    HeldLease,
    LeaseTimes,
    Locking,
    Requeue,
    renew_leases,
    requeue_jobs,
)
from app.jobs.models import JobState
from app.jobs.notifications import Notifications
from app.jobs.prompt_log import SentCall, store_sent
from app.jobs.results import InsightResult, store_results
from app.jobs.settle import Ending, settle_free, settle_waiting
from app.lock_waits import LockWaits
from app.sqlstates import sqlstate

DATABASE_RETRY_S = 0.5

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
Written = TypeVar("Written", contravariant=True)

log = structlog.get_logger()


class JobWriter:
    """The writes of one attempt wait while the database is away, as long as a lease can last.

    They raise LeaseLost after that, and when the job is another worker's or has ended; and
    whatever else the database refuses them with.
    """

    def __init__(self, times: LeaseTimes, notifications: Notifications) -> None:
        self._times = times
        self._notifications = notifications
        self._lock_waits = LockWaits()
        self._renewals = self._group(self._flush_renewals, "renewals", lambda held: held.user_id)
        self._notes = self._group(store_sent, "sent", _owner)
        self._results = self._group(self._flush_results, "results", _owner)
        self._requeues = self._group(self._flush_requeues, "requeues", _owner)
        self._endings = GroupCommit[Ending, JobState | None](
            self._flush_endings,
            kind="settles",
            lane=Lane(self._settle_waiting, lambda one: self._lock_waits.turn(one.user_id)),
        )

    async def renew(self, attempt: Attempt) -> None:
        """Renews the lease, counted from before it was asked for."""
        sent_at = time.monotonic()
        if not await self._insist(attempt, self._renewals, attempt.claim.held):
            raise LeaseLost
        attempt.confirm(sent_at=sent_at, lease_s=self._times.lease_s)

    async def note(self, attempt: Attempt, call: SentCall) -> None:
        """Writes down a call that is about to be sent."""
        if not await self._insist(attempt, self._notes, call):
            raise LeaseLost

    async def store(self, attempt: Attempt, result: InsightResult) -> None:
        """Stores what the calls for one insight came to."""
        if not await self._insist(attempt, self._results, result):
            raise LeaseLost

    async def requeue(self, attempt: Attempt, requeue: Requeue) -> None:
        """Gives up the lease, so that any worker may start the next attempt."""
        if not await self._insist(attempt, self._requeues, requeue):
            raise LeaseLost

    async def settle(self, attempt: Attempt, ending: Ending) -> JobState | None:
        """Ends the job and moves its coins; its new state, None if it had ended elsewhere."""
        return await self._insist(attempt, self._endings, ending)

    async def _insist(
        self, attempt: Attempt, group: GroupCommit[Item, Outcome], item: Item
    ) -> Outcome:
        while True:
            try:
                return await group.submit(item)
            except Exception as error:
                if not is_transient(error):
                    raise
                if attempt.remaining_s < -ATTEMPT_CLEANUP_S:
                    raise LeaseLost from error
                log.warning(
                    "insight_job.write_delayed",
                    job_id=str(attempt.claim.job_id),
                    sqlstate=sqlstate(error.__cause__ or error),
                )
            await asyncio.sleep(DATABASE_RETRY_S)

    async def _flush_renewals(
        self, held: Sequence[HeldLease], *, locking: Locking = Locking.SKIP
    ) -> list[bool | Skipped]:
        return await renew_leases(held, self._times, locking=locking)

    async def _flush_results(
        self, results: Sequence[InsightResult], *, locking: Locking = Locking.SKIP
    ) -> list[bool | Skipped]:
        stored = await store_results(results, locking=locking)
        # Six results of one job are one change to its subscribers.
        self._notifications.changed({one.lease.job_id for one in results})
        return stored

    async def _flush_requeues(
        self, requeues: Sequence[Requeue], *, locking: Locking = Locking.SKIP
    ) -> list[bool | Skipped]:
        requeued = await requeue_jobs(requeues, locking=locking)
        self._notifications.changed(one.lease.job_id for one in requeues)
        return requeued

    async def _flush_endings(self, endings: Sequence[Ending]) -> list[JobState | Skipped | None]:
        settled = await settle_free(endings)
        self._notifications.changed(ending.job_id for ending in endings)
        return settled

    async def _settle_waiting(self, ending: Ending) -> JobState | None:
        settled = await settle_waiting(ending)
        self._notifications.changed([ending.job_id])
        return settled

    def _group(
        self, flush: "_Flush[Item]", kind: str, owner: Callable[[Item], str]
    ) -> GroupCommit[Item, bool]:
        """The group commit of writes under leases; `owner` is the user whose rows an item needs."""

        async def write(item: Item) -> bool:
            (outcome,) = await flush([item], locking=Locking.WAIT)
            return outcome is True  # The transaction it has waited for may have ended the lease.

        lane = Lane(write, lambda item: self._lock_waits.turn(owner(item)))
        return GroupCommit[Item, bool](flush, kind=kind, lane=lane)


class _Flush(Protocol[Written]):
    """A flush of writes under leases; it can wait for locks too, for one item."""

    async def __call__(
        self, items: Sequence[Written], /, *, locking: Locking = ...
    ) -> list[bool | Skipped]: ...


def _owner(item: SentCall | InsightResult | Requeue) -> str:
    return item.lease.user_id
