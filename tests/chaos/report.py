"""The verdict of a campaign, for people and as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos import plan
from tests.chaos.audit import Evidence
from tests.chaos.delays import Delay, start_delays
from tests.chaos.fleet import Fleet
from tests.chaos.history import History, Outcome
from tests.chaos.nemesis import Nemesis
from tests.chaos.outages import Outages
from tests.chaos.plan import FREEZES, SIGKILLS, Fault, Options
from tests.chaos.promises import judge_promises
from tests.chaos.spending import Spending
from tests.support.proxy import Proxy

SHOWN_MAX = 8
SUCCEEDED_MIN = 0.4
"""Of all jobs; a campaign with fewer has not disturbed a product that works."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Report:
    told: Json
    failures: list[str]
    """Why the campaign failed; empty when it did not."""
    history: History

    def write(self, folder: Path) -> Path:
        """The JSON and the history beside it; the path of the JSON."""
        folder.mkdir(exist_ok=True)
        seed = self.told["seed"]
        self.history.write(folder / f"history-{seed}.jsonl")
        path = folder / f"chaos-{seed}.json"
        path.write_text(json.dumps(self.told, indent=2, default=str) + "\n")
        return path


def make_report(
    *,
    options: Options,
    history: History,
    evidence: Evidence,
    fleet: Fleet,
    nemesis: Nemesis,
    outages: Outages | None,
    proxy: Proxy,
    spending: Spending,
    recovery: Sequence[tuple[float, str]],
    violations: dict[str, list[str]],
    worst: dict[str, int],
    stuck: list[dict[str, str]],
    ended_s: float,
    samples: int,
    deadlocks: int,
) -> Report:
    times = [seconds for seconds, _ in recovery]
    told: Json = {
        "seed": options.seed,
        "seconds": options.seconds,
        "times_s": {
            "lease": plan.LEASE_S,
            "heartbeat": plan.HEARTBEAT_S,
            "rescue": options.rescue_s,
            "attempt": plan.ATTEMPT_S,
            "expiry": plan.EXPIRES_S,
            "sweeps": plan.SWEEP_PERIOD_S,
        },
        "faults": {
            **{fault.value: nemesis.struck[fault] for fault in Fault if nemesis.struck[fault]},
            "nothing to strike": nemesis.missed.total(),
            "connections cut": proxy.connections_cut,
            "COMMIT replies cut": proxy.commits_cut,
            "COMMITs dropped": proxy.commits_dropped,
            "processes with a wrong clock": fleet.skewed,
        },
        "sums": {
            "SIGKILLs": sum(nemesis.struck[fault] for fault in SIGKILLS),
            "freezes": sum(nemesis.struck[fault] for fault in FREEZES),
            "database stops": nemesis.struck[Fault.STOP_DATABASE],
            "jobs": len(evidence.jobs),
        },
        "jobs": dict(Counter(job.state for job in evidence.jobs.values())),
        "operations": _operations(history),
        "invariants_checked": samples,
        "deadlocks": deadlocks,
        "violations": {name: len(found) for name, found in violations.items()},
        "worst": worst,
        "violation_samples": {name: found[:SHOWN_MAX] for name, found in violations.items()},
        "stuck": stuck,
        "all_ended_after_s": round(ended_s, 1),
        "calls": {
            "all": spending.calls,
            "granted_after_settlement": len(spending.granted_after_settlement),
            "granted_without_lease": len(spending.granted_without_lease),
            "started_late_after_their_grant": spending.started_late,
            "in_flight_at_a_kill": spending.in_flight_at_a_kill,
            "doubled": spending.doubled,
            "wasted": spending.wasted,
            "wasted_percent": round(100 * spending.wasted_share, 2),
            "wasted_repeats": spending.wasted_repeats,
            "wasted_in_the_grants_second": spending.wasted_in_the_grants_second,
            "wasted_by_the_frozen": spending.wasted_by_the_frozen,
            "samples": [
                *spending.granted_after_settlement[:SHOWN_MAX],
                *spending.granted_without_lease[:SHOWN_MAX],
            ],
        },
        "recovery_s": _distribution(times),
        "slowest_recoveries": list(recovery[-SHOWN_MAX:]),
        **_returns(outages, is_alone=set(options.only) <= plan.OUTAGES),
        **_starts(start_delays(evidence, nemesis.blows)),
    }
    promises = judge_promises(told)
    told["promises"] = [str(promise) for promise in promises]
    failures = _failures(told, spending)
    if not options.are_times_advisory:
        failures += [str(promise) for promise in promises if promise.is_broken]
    return Report(told, failures, history)


def render(told: Json) -> str:
    """The report as aligned lines, one fact each."""
    lines: list[str] = []
    for name, value in told.items():
        if isinstance(value, dict):
            lines += [f"{name}:"] if value else [f"{name}: none"]
            lines += [f"  {key:<38} {_shown(one)}" for key, one in value.items()]
        elif isinstance(value, list):
            lines += [f"{name}: {len(value)}", *(f"  {one}" for one in value[:SHOWN_MAX])]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key} {one}" for key, one in value.items())
    if isinstance(value, list):
        return "".join(f"\n      {str(one)[:400]}" for one in value) or "-"
    return str(value)


def _failures(told: Json, spending: Spending) -> list[str]:
    failures = [f"{count} × {name}" for name, count in told["violations"].items()]
    if told["jobs"].get("succeeded", 0) < SUCCEEDED_MIN * told["sums"]["jobs"]:
        failures.append(f"only {told['jobs']} succeeded: whatever else was found proves nothing")
    if told["stuck"]:
        failures.append(f"{len(told['stuck'])} jobs had not ended in time after healing")
    if spending.granted_after_settlement:
        failures.append(f"{len(spending.granted_after_settlement)} calls granted after settlement")
    if spending.granted_without_lease:
        failures.append(f"{len(spending.granted_without_lease)} calls granted under a lost fence")
    return failures


def _operations(history: History) -> Json:
    counted: dict[str, Counter[str]] = {}
    for operation in history.operations:
        counted.setdefault(operation.kind, Counter())[operation.outcome] += 1
    return {kind: dict(outcomes) for kind, outcomes in counted.items()} | {
        "requests": sum(len(one.tries) for one in history.operations),
        "never answered": sum(one.outcome is Outcome.INFO for one in history.operations),
    }


def _returns(outages: Outages | None, *, is_alone: bool) -> Json:
    """How long after each outage all served again; what the slowest was waited for.

    What was not answered meanwhile proves something where outages are the only faults.
    """
    found = sorted(outages.returns if outages else [], key=lambda one: one.seconds)
    slowest = [f"{one.seconds:.1f} s {one.fault}: {one.last}" for one in found[-SHOWN_MAX:]]
    is_dropped = outages is not None and outages.lines.redis.drops_packets
    return {
        "serving_again_s": _distribution(one.seconds for one in found),
        "silence_is_of": "packets" if is_dropped else "bytes",
        "slowest_to_serve_again": slowest,
        "healthz_meanwhile": {
            "asked": outages.asked if outages and is_alone else 0,
            "unanswered": outages.unanswered if outages and is_alone else [],
        },
    }


def _starts(delays: Sequence[Delay]) -> Json:
    near = [delay for delay in delays if delay.is_at_flush]
    return {
        "start_delay_s": {
            "at a FLUSHALL": _distribution(one.seconds for one in near),
            "at a FLUSHALL, no other fault meanwhile": _distribution(
                one.seconds for one in near if not one.others
            ),
            "otherwise": _distribution(one.seconds for one in delays if not one.is_at_flush),
        },
        "slowest_starts_at_a_flushall": [str(delay) for delay in near[-SHOWN_MAX:]],
    }


def _distribution(values: Iterable[float]) -> Json:
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {"count": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": at(1.0)}
