"""The promises of the design, each against what a run measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import middle

Scenarios = Mapping[str, Any]
Measured = Callable[[Scenarios], float]
BACKLOG_TOLERANCE = 1.5


@dataclass(frozen=True, slots=True)
class Target:
    """`bound`: whether it is a minimum, the value, its unit."""

    name: str
    bound: tuple[bool, float, str]
    measured: Measured


def judged(scenarios: Scenarios) -> list[dict[str, Any]]:
    """Every target, and whether it is met: None for one that was not measured."""
    rows: list[dict[str, Any]] = []
    for target in TARGETS:
        is_minimum, bound, unit = target.bound
        value = _value(target, scenarios)
        met = None
        if value is not None:
            met = value >= bound if is_minimum else value <= bound
        rows.append(
            {
                "name": target.name,
                "target": f"{'≥' if is_minimum else '≤'} {bound:,g} {unit}",
                "measured": value,
                "met": met,
            }
        )
    return rows


def _value(target: Target, scenarios: Scenarios) -> float | None:
    """None where the scenario was not run, or the machine does not tell (memory, without /proc)."""
    try:
        return target.measured(scenarios)
    except (KeyError, TypeError):
        return None


def _jobs_s(row: Any) -> float:
    return middle(row["jobs_s"])


def _per_gb(row: Any) -> float:
    return _jobs_s(row) / (middle(row["peak_mb"]) / 1024)


def _realistic(other: str) -> Measured:
    return lambda seen: (
        _jobs_s(seen["realistic"]["product"]) / max(_jobs_s(seen["realistic"][other]), 1e-9)
    )


def _overhead(other: str) -> Measured:
    return lambda seen: _jobs_s(seen["overhead"]["product"]) / _jobs_s(seen["overhead"][other])


def _row(scenario: str, key: str, name: str) -> Measured:
    return lambda seen: middle(seen[scenario][key][name])


def _per_gb_ratio(seen: Scenarios) -> float:
    realistic = seen["realistic"]
    return _per_gb(realistic["product"]) / _per_gb(realistic["sync_best"])


def _backlog(*names: str) -> Measured:
    def worst(seen: Scenarios) -> float:
        short, long = seen["backlog"]["short"], seen["backlog"]["long"]
        return max(middle(long[name]) / middle(short[name]) for name in names)

    return worst


def _place(scenario: str, place: int, name: str) -> Measured:
    return lambda seen: middle(seen[scenario]["rows"][place][name])


def _import_of_100k(name: str) -> Measured:
    return lambda seen: next(
        row[name] for row in seen["imports"]["rows"] if row["messages"] == 100_000
    )


def _unlock_ratio(seen: Scenarios) -> float:
    unlock = seen["unlock"]
    return middle(unlock["spread_full_load"]["requests_s"]) / middle(
        unlock["spread_bare_asyncpg"]["requests_s"]
    )


AT_LEAST, AT_MOST = True, False

TARGETS = (
    Target(
        "jobs/s against the sync design as configured",
        (AT_LEAST, 1_000, "×"),
        _realistic("sync_configured"),
    ),
    Target("jobs/s against the best sync setting", (AT_LEAST, 50, "×"), _realistic("sync_best")),
    Target(
        "jobs/s per GB of workers against the best sync setting",
        (AT_LEAST, 100, "×"),
        _per_gb_ratio,
    ),
    Target(
        "LLM 0: jobs/s against the best sync setting",
        (AT_LEAST, 40, "×"),
        _overhead("sync_best"),
    ),
    Target(
        "LLM 0: jobs/s against bare asyncpg, one transaction a step",
        (AT_LEAST, 2.5, "×"),
        _overhead("ceiling"),
    ),
    Target(
        "LLM 0: jobs/s against bare asyncpg, batched", (AT_LEAST, 0.5, "×"), _overhead("batched")
    ),
    Target(
        "overhead of one job on an idle system, p50",
        (AT_MOST, 12, "ms"),
        _row("idle", "real_context", "p50_ms"),
    ),
    Target(
        "overhead of one job on an idle system, p99",
        (AT_MOST, 30, "ms"),
        _row("idle", "real_context", "p99_ms"),
    ),
    Target("unlock requests/s against bare asyncpg", (AT_LEAST, 0.45, "×"), _unlock_ratio),
    Target(
        "unlock at half load, p99",
        (AT_MOST, 30, "ms"),
        _row("unlock", "spread_half_load", "p99_ms"),
    ),
    Target(
        "unlocks of one hot account",
        (AT_LEAST, 400, "/s"),
        _row("unlock", "hot_full_load", "requests_s"),
    ),
    Target(
        "memory of an idle worker", (AT_MOST, 120, "MB"), _row("realistic", "product", "idle_mb")
    ),
    Target(
        "memory of a worker with 2,000 jobs in flight",
        (AT_MOST, 220, "MB"),
        _row("realistic", "product", "peak_mb"),
    ),
    Target(
        "claim with a backlog of 100k against one of 100",
        (AT_MOST, BACKLOG_TOLERANCE, "×"),
        _backlog("claim_one_ms", "claim_batch_ms"),
    ),
    Target(
        "rescue with a backlog of 100k against one of 100",
        (AT_MOST, BACKLOG_TOLERANCE, "×"),
        _backlog("find_due_ms", "abandoned_ms"),
    ),
    Target(
        "2,000 listeners: commit to client, p99",
        (AT_MOST, 100, "ms"),
        _place("stream", 0, "p99_ms"),
    ),
    Target(
        "memory of a listener in the API",
        (AT_MOST, 60, "kB"),
        _place("stream", 0, "kb_a_listener"),
    ),
    Target(
        "messages parsed a second on one core",
        (AT_LEAST, 300_000, "/s"),
        _import_of_100k("parsed_s"),
    ),
    Target(
        "100k messages uploaded to statistics", (AT_MOST, 1.5, "s"), _import_of_100k("upload_s")
    ),
    Target("event loop blocked by an upload", (AT_MOST, 50, "ms"), _import_of_100k("blocked_ms")),
    Target(
        "killed worker: its jobs run again after lease end",
        (AT_MOST, 10, "s"),
        _place("recovery", 0, "max_s"),
    ),
    Target("Redis gone: a new unlock starts", (AT_MOST, 6, "s"), _place("recovery", 1, "max_s")),
)
