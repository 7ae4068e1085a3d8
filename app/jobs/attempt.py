"""One attempt at a job: how long it may go on, and whether it still holds its lease."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from enum import StrEnum

from app.jobs.leases import Claim, JobRef, LeaseTimes

GRANT_FRESH_S = 0.25
"""A lease confirmed this recently, a claim is one, needs no confirmation before a call."""
CALLS_MAX = 3
"""Of one insight in one attempt, repairs included."""
CALL_BACKOFF_S = 5.0
ATTEMPT_BACKOFF_S = 5.0
BEGIN_S = 10.0
"""Of an attempt, at most, before its first call is sent."""


class LeaseLost(Exception):
    """Another worker owns the job by now, or it has ended: stop, and write nothing."""


class Stop(StrEnum):
    """Why an attempt was cancelled from inside this process."""

    LEASE_LOST = "lease_lost"
    DRAIN = "drain"


@dataclass(slots=True)
class Attempt:
    """The state of one attempt. Times are `time.monotonic()` seconds."""

    claim: Claim
    deadline: float
    lease_deadline: float
    confirmed_at: float
    has_progressed: bool = False
    """Whether an insight was done in it."""
    stopped: Stop | None = None
    task: "asyncio.Task[list[InsightOutcome]] | None" = None
    confirming: "asyncio.Future[None] | None" = None
    """Ends when the renewal that is under way before a call does."""
    noted_shared: str | None = field(default=None, repr=False)
    """What is written down of the text that all calls of this attempt begin with."""

    @classmethod
    def of(cls, claim: Claim, times: LeaseTimes) -> "Attempt":
        """The attempt that `claim` starts; a claim is a fresh lease."""
        return cls(
            claim,
            deadline=claim.sent_at + times.attempt_s,
            lease_deadline=claim.sent_at + times.lease_s,
            confirmed_at=time.monotonic(),
        )

    @property
    def ref(self) -> JobRef:
        return (self.claim.user_id, self.claim.job_id)

    @property
    def remaining_s(self) -> float:
        return self.deadline - time.monotonic()

    def could_hold(self, call_s: float) -> bool:
        """Whether a call that takes `call_s` fits into an attempt that has just begun."""
        return self.deadline - self.claim.sent_at - BEGIN_S >= call_s

    @property
    def is_lease_over(self) -> bool:
        return time.monotonic() >= self.lease_deadline

    @property
    def is_granted(self) -> bool:
        """Whether the lease was confirmed so recently that a call may begin."""
        return time.monotonic() - self.confirmed_at < GRANT_FRESH_S

    def confirm(self, *, sent_at: float, lease_s: float) -> None:
        """The lease was renewed by a statement sent at `sent_at`."""
        self.lease_deadline = sent_at + lease_s
        self.confirmed_at = time.monotonic()

    def stop(self, why: Stop) -> None:
        """Cancels the attempt's work; its coroutines get a CancelledError."""
        if self.stopped is None:
            self.stopped = why
        if self.task is not None:
            self.task.cancel()


@dataclass(frozen=True, slots=True)
class InsightOutcome:
    """What became of one insight: `error_code` is None when it is completed and stored."""

    ord: int
    error_code: str | None = None
    retry_after_s: float | None = None
    """A wait the provider asked for that does not fit into the attempt."""
    is_final: bool = False
    """Another attempt would fail like this one."""


def call_backoff_s(call: int, retry_after_s: float | None) -> float:
    """Seconds before the call after number `call`: 5, then 10, ± 20 %; the provider's word wins."""
    if retry_after_s is not None:
        return retry_after_s
    return CALL_BACKOFF_S * 2 ** (call - 1) * random.uniform(0.8, 1.2)  # noqa: S311 (a spread)


def attempt_backoff_s(attempt: int) -> float:
    """Seconds before the attempt after number `attempt`: 5, then 10, ± 20 %."""
    return ATTEMPT_BACKOFF_S * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311 (a spread)
