"""Every write of a worker process, as group commits shared by all of its jobs."""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

import structlog

from app.db import is_transient
from app.group_commit import GroupCommit
from app.jobs.attempt import Attempt, LeaseLost
from app.jobs.leases import (
    ATTEMPT_CLEANUP_S,
    Claim,
    HeldLease,
    JobRef,
    LeaseTimes,
    Requeue,
    claim_jobs,
    renew_leases,
    requeue_jobs,
)
from app.jobs.models import JobState
from app.jobs.notifications import Notifications
from app.jobs.results import InsightResult, store_results
from app.jobs.settle import Ending, settle_jobs

DATABASE_RETRY_S = 0.5

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

log = structlog.get_logger()


class JobWriter:
    """One group for each kind of write; none waits for another's flush."""

    def __init__(self, times: LeaseTimes, notifications: Notifications) -> None:
        self._times = times
        self._notifications = notifications
        self.claims = GroupCommit[JobRef, Claim | None](self._claim, kind="claims")
        self.renewals = GroupCommit[HeldLease, bool](
            lambda held: renew_leases(held, times), kind="renewals"
        )
        self.results = GroupCommit[InsightResult, bool](self._store, kind="results")
        self.requeues = GroupCommit[Requeue, bool](self._requeue, kind="requeues")
        self.settles = GroupCommit[Ending, JobState | None](self._settle, kind="settles")

    async def insist(
        self, attempt: Attempt, group: GroupCommit[Item, Outcome], item: Item
    ) -> Outcome:
        """The group's outcome; while the database is away it waits, as long as a lease can last.

        Raises LeaseLost after that, and whatever else the group raises.
        """
        while True:
            try:
                return await group.submit(item)
            except Exception as error:
                if not is_transient(error):
                    raise
                if attempt.remaining_s < -ATTEMPT_CLEANUP_S:
                    raise LeaseLost from error
                log.warning("insight_job.database_away", job_id=str(attempt.claim.job_id))
            await asyncio.sleep(DATABASE_RETRY_S)

    async def _claim(self, asked: Sequence[JobRef]) -> list[Claim | None]:
        claims = await claim_jobs(asked, self._times)
        self._notifications.changed(claim.job_id for claim in claims if claim is not None)
        return claims

    async def _store(self, results: Sequence[InsightResult]) -> list[bool]:
        stored = await store_results(results)
        # Six results of one job are one change to whoever follows it.
        self._notifications.changed({one.lease.job_id for one in results})
        return stored

    async def _requeue(self, requeues: Sequence[Requeue]) -> list[bool]:
        requeued = await requeue_jobs(requeues)
        self._notifications.changed(one.lease.job_id for one in requeues)
        return requeued

    async def _settle(self, endings: Sequence[Ending]) -> list[JobState | None]:
        settled = await settle_jobs(endings)
        self._notifications.changed(ending.job_id for ending in endings)
        return settled
