"""How long after its unlock a job was started, and which faults lay between.

A delay is FLUSHALL's doing only if nothing else that can delay a start happened meanwhile: a
worker that is frozen in its claim holds the job, with Redis or without.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.audit import Evidence, Job
from tests.chaos.nemesis import Blow
from tests.chaos.plan import Fault

FLUSH_WINDOW_S = 1.0
AFTERMATH_S = 3.0
"""A process that was killed is back after about this time."""
HARMLESS = frozenset(
    {
        Fault.FLUSHALL,
        Fault.DUPLICATE,
        Fault.KILL_SCHEDULER,
        Fault.REFUSE_CHARGES,
        Fault.SET_CLOCK_BACK,
    }
)
"""What no start is delayed by; FLUSHALL is the one that is looked at."""


@dataclass(frozen=True, slots=True)
class Delay:
    """From an unlock's commit to its first claim; to its end, if it expired unclaimed."""

    seconds: float
    job: str
    is_at_flush: bool
    others: tuple[Fault, ...]
    """Other faults between the unlock and its start, or that had just ended."""

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s {self.job} meanwhile: {'; '.join(self.others) or 'nothing'}"


def start_delays(evidence: Evidence, blows: Sequence[Blow]) -> list[Delay]:
    """Of every job that was started or should have been, the longest last."""
    found: list[Delay] = []
    for job in evidence.jobs.values():
        started_at = _started_at(job)
        if started_at is None:
            continue
        near = [
            blow
            for blow in blows
            if blow.fault is Fault.FLUSHALL
            and blow.began_at - FLUSH_WINDOW_S < job.created_at < blow.ended_at + FLUSH_WINDOW_S
        ]
        others = {
            blow.fault
            for blow in blows
            if blow.fault not in HARMLESS
            and blow.began_at < started_at
            and blow.ended_at + AFTERMATH_S > job.created_at
        }
        seconds = started_at - job.created_at
        found.append(Delay(seconds, job.id, bool(near), tuple(sorted(others))))
    return sorted(found, key=lambda delay: delay.seconds)


def _started_at(job: Job) -> float | None:
    return job.finished_at if job.started_at is None and job.state == "expired" else job.started_at
