"""The promises of the design, each against what a run measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.bench import is_valid, middle

Scenarios = Mapping[str, Any]
Measured = Callable[[Scenarios], float]
BACKLOG_TOLERANCE = 1.5
THROUGHPUT_LEFT_MIN, CLAIM_TIMES_MAX = 0.9, 2.0


@dataclass(frozen=True, slots=True)
class Target:
    """`bound`: whether it is a minimum, the value, its unit."""

    name: str
    bound: tuple[bool, float, str]
    measured: Measured


def judged(scenarios: Scenarios) -> list[dict[str, Any]]:
    """Every target, and whether it is met: None for one that was not measured.

    One that rests on an invalid row is missed, whatever the row says.
    """
    return [_judged(target, scenarios) for target in TARGETS]


def _judged(target: Target, scenarios: Scenarios) -> dict[str, Any]:
    is_minimum, bound, unit = target.bound
    row = {"name": target.name, "target": f"{'≥' if is_minimum else '≤'} {bound:,g} {unit}"}
    try:
        value = target.measured(scenarios)
    except InvalidRow as reason:
        return row | {"measured": f"invalid: {reason}", "met": False}
    except (KeyError, TypeError):  # Not run, or the machine does not tell (memory, without /proc).
        return row | {"measured": None, "met": None}
    return row | {"measured": value, "met": value >= bound if is_minimum else value <= bound}


class InvalidRow(Exception):
    """A contestant did not end its jobs, or not well: nothing is compared with that."""


def _valid(row: Any) -> Any:
    if not is_valid(row):
        why = row.get("invalid") or "jobs failed or an invariant was violated"
        raise InvalidRow(f"{row['contestant']}: {why}")
    return row


def _jobs_s(row: Any) -> float:
    return middle(_valid(row)["jobs_s"])


def _faster(scenario: str, ours: str, other: str) -> Measured:
    """How many times the jobs a second of another row of the same run."""

    def ratio(seen: Scenarios) -> float:
        return _jobs_s(seen[scenario][ours]) / _jobs_s(_there(seen[scenario], other))

    return ratio


def _cheaper(scenario: str, other: str) -> Measured:
    """How many times less processor time a job, worker, PostgreSQL and Valkey together."""

    def ratio(seen: Scenarios) -> float:
        theirs = _valid(_there(seen[scenario], other))
        return middle(theirs["all_cpu_ms_job"]) / middle(
            _valid(seen[scenario]["product"])["all_cpu_ms_job"]
        )

    return ratio


def _there(scenario: Mapping[str, Any], name: str) -> Any:
    if name not in scenario:
        raise InvalidRow("no setting of it ended all its jobs")
    return scenario[name]


def _row(scenario: str, key: str, name: str) -> Measured:
    return lambda seen: middle(seen[scenario][key][name])


def _backlog(*names: str) -> Measured:
    def worst(seen: Scenarios) -> float:
        short, long = seen["backlog"]["short"], seen["backlog"]["long"]
        return max(middle(long[name]) / middle(short[name]) for name in names)

    return worst


def _held(name: str) -> Measured:
    """The row with the transaction open against the one before."""
    return lambda seen: middle(seen["held"]["open"][name]) / middle(seen["held"]["before"][name])


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
        "chats of 4,000 messages: jobs/s against the best sync setting",
        (AT_LEAST, 10, "×"),
        _faster("even", "product", "sync_best"),
    ),
    Target(
        "chats of 4,000 messages: processor time a job, times less than the best sync setting",
        (AT_LEAST, 10, "×"),
        _cheaper("even", "sync_best"),
    ),
    Target(
        "chats of 4,000 messages: two worker processes against one",
        (AT_LEAST, 1.6, "×"),
        _faster("even", "product_two", "product"),
    ),
    Target(
        "chats of 4,000 messages: jobs/s of one worker process",
        (AT_LEAST, 60, "/s"),
        _row("even", "product", "jobs_s"),
    ),
    *(
        Target(
            f"processor time of a worker for a job, chats of {messages:,} messages",
            (AT_MOST, ms, "ms"),
            _row("whole_job", f"stub_{messages}", "cpu_ms_job"),
        )
        for messages, ms in {200: 8, 4_000: 15, 40_000: 40, 100_000: 60}.items()
    ),
    Target(
        "… with offline insights, chats of 4,000 messages",
        (AT_MOST, 30, "ms"),
        _row("whole_job", "offline_4000", "cpu_ms_job"),
    ),
    Target(
        "chats of all sizes: jobs/s against the best sync setting",
        (AT_LEAST, 10, "×"),
        _faster("mixed", "product", "sync_best"),
    ),
    Target(
        "LLM 0: jobs/s against the best sync setting",
        (AT_LEAST, 40, "×"),
        _faster("overhead", "product", "sync_best"),
    ),
    Target(
        "LLM 0: jobs/s against bare asyncpg, one transaction a step",
        (AT_LEAST, 2.5, "×"),
        _faster("overhead", "product", "ceiling"),
    ),
    Target(
        "LLM 0: jobs/s against bare asyncpg, batched",
        (AT_LEAST, 0.6, "×"),
        _faster("overhead", "product", "batched"),
    ),
    Target(
        "LLM 0: jobs/s against a stock queue with the batched body",
        (AT_LEAST, 1.2, "×"),
        _faster("overhead", "product", "stock"),
    ),
    Target(
        "overhead of one job on an idle system, p50",
        (AT_MOST, 12, "ms"),
        _row("idle", "product", "p50_ms"),
    ),
    Target(
        "overhead of one job on an idle system, p99",
        (AT_MOST, 30, "ms"),
        _row("idle", "product", "p99_ms"),
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
    Target("memory of an idle worker", (AT_MOST, 120, "MB"), _row("waiting", "product", "idle_mb")),
    Target(
        "memory of a worker with 2,000 jobs in flight",
        (AT_MOST, 220, "MB"),
        _row("waiting", "product", "peak_mb"),
    ),
    Target(
        "memory of a worker, 300 jobs on chats of 40,000 messages with a provider",
        (AT_MOST, 600, "MB"),
        _row("whole_job", "large", "peak_mb"),
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
        "a transaction left open: throughput against before",
        (AT_LEAST, THROUGHPUT_LEFT_MIN, "×"),
        _held("jobs_s"),
    ),
    Target(
        "a transaction left open: p99 of a claim against before",
        (AT_MOST, CLAIM_TIMES_MAX, "×"),
        _held("claim_p99_ms"),
    ),
    Target(
        "open loop, 80 % of capacity, waiting only: added to the slowest call, p50",
        (AT_MOST, 10, "ms"),
        _row("open_loop", "engine", "added_p50_ms"),
    ),
    Target(
        "open loop, 80 % of capacity, waiting only: added to the slowest call, p99",
        (AT_MOST, 50, "ms"),
        _row("open_loop", "engine", "added_p99_ms"),
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
    Target(
        "messages parsed a second on one core, the slowest format",
        (AT_LEAST, 300_000, "/s"),
        lambda seen: min(
            *seen["imports"]["layouts_parsed_s"].values(),
            *seen["imports"]["messengers_parsed_s"].values(),
        ),
    ),
    Target(
        "memory of the reader with 300,000 messages, the largest format",
        (AT_MOST, 400, "MB"),
        lambda seen: max(seen["imports"]["reader_mb"].values()),
    ),
    Target("event loop blocked by an upload", (AT_MOST, 50, "ms"), _import_of_100k("blocked_ms")),
    Target(
        "killed worker: its jobs run again after lease end",
        (AT_MOST, 10, "s"),
        _place("recovery", 0, "max_s"),
    ),
    Target("Redis gone: a new unlock starts", (AT_MOST, 6, "s"), _place("recovery", 1, "max_s")),
)
