"""Claiming: the jobs of which wake-ups came at one moment, in one statement."""

from collections.abc import Sequence

from app.group_commit import GroupCommit
from app.jobs.leases import Claim, JobRef, LeaseTimes, claim_jobs
from app.jobs.notifications import Notifications


class Claims:
    """The claims of one worker process. There is no lease yet for which they would wait: they
    raise Unavailable where the writes of an attempt go on trying."""

    def __init__(self, times: LeaseTimes, notifications: Notifications) -> None:
        self._times = times
        self._notifications = notifications
        self._group = GroupCommit[JobRef, Claim | None](self._flush, kind="claims")

    async def claim(self, job: JobRef) -> Claim | None:
        """The job, if it is due, its chat prepared, and no other worker's."""
        return await self._group.submit(job)

    async def claim_unprepared(self, job: JobRef) -> Claim | None:
        """The job, also when its chat could not be prepared."""
        (claim,) = await self._flush([job], only_prepared=False)
        return claim

    async def _flush(
        self, asked: Sequence[JobRef], *, only_prepared: bool = True
    ) -> list[Claim | None]:
        claims = await claim_jobs(asked, self._times, only_prepared=only_prepared)
        self._notifications.changed(claim.job_id for claim in claims if claim is not None)
        return claims
