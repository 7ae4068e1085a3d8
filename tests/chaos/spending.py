"""What was spent on calls to the provider, and how long killed workers' jobs stood still."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.jobs.attempt import GRANT_FRESH_S
from tests.chaos.audit import Change, Evidence
from tests.chaos.fleet import Kill
from tests.chaos.journal import Line, read_journals

SLACK_S = 0.05
"""Between the clocks, and between a statement's time and its commit."""


@dataclass(frozen=True, slots=True)
class Call:
    job: str
    ord: int
    fence: int
    granted_at: float
    """When the statement was sent that last confirmed the lease before the call."""
    started_at: float


@dataclass
class Spending:
    calls: int = 0
    granted_after_settlement: list[str] = field(default_factory=list)
    granted_without_lease: list[str] = field(default_factory=list)
    started_late: int = 0
    """Later after their grant than a grant is good for: the process was frozen in between."""
    wasted_in_the_grants_second: int = 0
    """Lease lost after the grant, less than a second before the call: inherent."""
    wasted_by_the_frozen: int = 0
    """Lease lost after the grant, and the process did not run in between: inherent."""
    wasted_repeats: int = 0
    """The result was stored already."""
    in_flight_at_a_kill: int = 0
    doubled: int = 0
    """Made under two fences at the same time: inherent where the first process was frozen."""

    @property
    def wasted(self) -> int:
        return self.wasted_in_the_grants_second + self.wasted_by_the_frozen + self.wasted_repeats

    @property
    def wasted_share(self) -> float:
        return self.wasted / self.calls if self.calls else 0.0


def judge_spending(journals: Path, evidence: Evidence, kills: Sequence[Kill]) -> Spending:
    spending = Spending()
    killed_at = {pid: kill.at for kill in kills for pid in kill.pids}
    spans: dict[tuple[str, int], list[tuple[int, float, float]]] = {}
    for pid, lines in read_journals(journals):
        answered_at = {line["number"]: line["at"] for line in lines if line["event"] == "answered"}
        for line in lines:
            if line["event"] != "called":
                continue
            call = _call(line)
            _judge(spending, call, evidence)
            ended_at = answered_at.get(line["number"])
            spending.in_flight_at_a_kill += ended_at is None and pid in killed_at
            ended_at = ended_at or killed_at.get(pid, call.started_at)
            span = (call.fence, call.started_at, ended_at)
            spans.setdefault((call.job, call.ord), []).append(span)
    spending.doubled = sum(_doubled(calls) for calls in spans.values())
    return spending


def _doubled(calls: Sequence[tuple[int, float, float]]) -> int:
    """Calls that began while one under an earlier fence was still out."""
    return sum(
        any(earlier < fence and began < at < ended for earlier, began, ended in calls)
        for fence, at, _ in calls
    )


def _judge(spending: Spending, call: Call, evidence: Evidence) -> None:
    spending.calls += 1
    changes = evidence.changes.get(call.job, [])
    lost_at = _lost_at(changes, call.fence)
    job = evidence.jobs.get(call.job)
    finished_at = job.finished_at if job else None
    waited_s = call.started_at - call.granted_at
    if finished_at is not None and call.granted_at > finished_at + SLACK_S:
        spending.granted_after_settlement.append(f"{call}, finished at {finished_at}")
    elif lost_at is not None and call.granted_at > lost_at + SLACK_S:
        spending.granted_without_lease.append(f"{call}, lost at {lost_at}")
    is_late = waited_s > GRANT_FRESH_S + 1
    spending.started_late += is_late
    stored_at = evidence.results.get((call.job, call.ord))
    if stored_at is not None and call.started_at > stored_at + SLACK_S:
        spending.wasted_repeats += 1
    elif lost_at is not None and call.started_at > lost_at + SLACK_S:
        if is_late:
            spending.wasted_by_the_frozen += 1
        else:
            spending.wasted_in_the_grants_second += 1


def recovery_times_s(
    journals: Path, evidence: Evidence, kills: Sequence[Kill]
) -> list[tuple[float, str]]:
    """For each job a killed process worked on: seconds until it was claimed again or had ended."""
    killed_at = {pid: kill.at for kill in kills for pid in kill.pids}
    times: list[tuple[float, str]] = []
    for pid, lines in read_journals(journals):
        at = killed_at.get(pid)
        if at is None:
            continue
        for job, fence in _open_claims(line for line in lines if line["at"] <= at):
            changes = evidence.changes.get(job, [])
            lost_at = _lost_at(changes, fence)
            if lost_at is not None and lost_at > at:
                times.append((lost_at - at, job))
    return sorted(times)


def _open_claims(lines: Iterable[Line]) -> set[tuple[str, int]]:
    claims: set[tuple[str, int]] = set()
    for line in lines:
        if line["event"] == "claimed":
            claims.add((line["job"], line["fence"]))
        elif line["event"] == "left":
            claims.discard((line["job"], line["fence"]))
    return claims


def _lost_at(changes: Sequence[Change], fence: int) -> float | None:
    """When this fence ceased to be the running one; None if it never did."""
    is_held = False
    for change in changes:
        if (change.fence, change.state) == (fence, "running"):
            is_held = True
        elif is_held:
            return change.at
    return None


def _call(line: Line) -> Call:
    return Call(line["job"], line["ord"], line["fence"], line["granted"], line["at"])
