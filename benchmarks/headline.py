"""What the run comes to, in sentences that hold their own conditions, for all pages."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.bench import Row, is_valid, middle
from benchmarks.seed import SMALL_CHAT
from benchmarks.tables import number, table

NOT_MEASURED = "(not measured in this run)"
ROWS = ("product", "sync_best", "rewritten_best")
Scenarios = Mapping[str, Any]


def headline(scenarios: Scenarios) -> str:
    """Real chats first, then cost at one throughput, then the engine alone; words last."""
    parts = [
        real_chats(scenarios),
        same_throughput(scenarios),
        cost_table(scenarios),
        engine_alone(scenarios),
        as_configured(scenarios),
    ]
    return "\n\n".join(part for part in parts if part)


def real_chats(scenarios: Scenarios) -> str:
    """Throughput and cost with chats of all sizes, prepared for both designs."""
    mixed = scenarios.get("mixed")
    if mixed is None:
        return NOT_MEASURED
    ours, sync, rewritten = (_at_full_load(mixed.get(name)) for name in ROWS)
    return (
        "Chats of 200 to 100,000 messages, each tenfold as frequent, prepared at upload for all, a"
        " model that answers in 1 s ± 0.5 s and takes four times as long for 5 % of the calls,"
        f" {_rounds(mixed)}: this design does {ours} with one worker process; the synchronous one"
        f" {sync} at the best of its settings, and {rewritten} as one task a job."
    )


def same_throughput(scenarios: Scenarios) -> str:
    """What introduces the table of costs."""
    open_loop = scenarios.get("open_loop")
    if open_loop is None or "sync" not in open_loop:
        return ""
    rate = open_loop["sync"]["rate_s"]
    return (
        f"What a job costs at the same throughput, {number(rate)} jobs/s of chats of 4,000"
        " messages arriving by lot, which is 80 % of what the synchronous design can do; then"
        " the most that each does:"
    )


def cost_table(scenarios: Scenarios) -> str:
    """Processor, memory and connections of each design; both of this run."""
    open_loop, even = scenarios.get("open_loop"), scenarios.get("even")
    if open_loop is None or even is None:
        return ""
    paced = {
        "product": next(iter(open_loop.get("at_their_rate", [])), None),
        "sync_best": open_loop.get("sync"),
        "rewritten_best": open_loop.get("rewritten"),
    }
    return table(
        [_cost_row(name, row, even.get(name)) for name, row in paced.items() if row is not None]
    )


def engine_alone(scenarios: Scenarios) -> str:
    """Both ceilings in one line, and the lead over a queue from the shelf."""
    seen = scenarios.get("overhead")
    if seen is None:
        return NOT_MEASURED
    ceiling, batched, stock = (_ratio(seen, other) for other in ("ceiling", "batched", "stock"))
    return (
        f"The engine alone (LLM 0, chats of {SMALL_CHAT} messages, 64 in flight,"
        f" {_rounds(seen)}) does {ceiling} the jobs a second of bare asyncpg with one transaction"
        f" a step, {batched} those of bare asyncpg batched, and {stock} those of a stock queue"
        " (SAQ) with the same batched body."
    )


def as_configured(scenarios: Scenarios) -> str:
    """In words: one slot against two thousand is no ratio of designs."""
    seen = scenarios.get("waiting")
    if seen is None or not (is_valid(seen["product"]) and is_valid(seen["sync_configured"])):
        return ""
    times = middle(seen["product"]["jobs_s"]) / middle(seen["sync_configured"]["jobs_s"])
    return (
        "As it was configured, one process and one task at a time, the synchronous design does"
        f" {in_words(times)} fewer jobs than 2,000 in flight here, where a job only waits 2 s: it"
        " runs one job at a time, so that compares slots, not designs."
    )


def in_words(times: float) -> str:
    for least, words in ((1_000, "thousands of times"), (100, "hundreds of times")):
        if times >= 2 * least:
            return words
    return "tens of times" if times >= 20 else "several times"


def _at_full_load(row: Row | None) -> str:
    if row is None or not is_valid(row):
        return "no valid figure"
    low, high = _ends(row["jobs_s"])
    return (
        f"**{number(middle(row['jobs_s']))} jobs/s** ({number(low)} to {number(high)}) at"
        f" {number(middle(row['all_cpu_ms_job']))} ms of processor a job"
        f" and {number(middle(row['peak_mb'] or 0.0))} MB"
    )


def _cost_row(name: str, paced: Row, full: Row | None) -> Row:
    invalid = None if is_valid(paced) else paced.get("invalid") or "invalid"
    shown: Row = {"design": paced["contestant"]}
    if invalid:
        return shown | {"invalid": invalid}
    return shown | {
        "processor ms a job": paced["all_cpu_ms_job"],
        "memory MB": paced["peak_mb"],
        "MB a job in flight": paced["mb_in_flight"],
        "connections": paced["connections"],
        "p50 s": paced["p50_ms"] / 1000,
        "p99 s": paced["p99_ms"] / 1000,
        "jobs/s at most": full["jobs_s"] if full is not None and is_valid(full) else None,
    }


def _ratio(seen: Mapping[str, Any], other: str) -> str:
    rows = (seen.get("product"), seen.get(other))
    if any(row is None or not is_valid(row) for row in rows):
        return "(no valid figure)"
    ours, theirs = (middle(row["jobs_s"]) for row in rows)
    return f"{number(ours / theirs)} ×"


def _rounds(scenario: Mapping[str, Any]) -> str:
    count = scenario["product"].get("rounds", 1)
    words = {1: "one round", 2: "two rounds", 3: "three rounds"}
    return words.get(count, f"{count} rounds") + " in turns"


def _ends(value: Any) -> Sequence[float]:
    return (value["min"], value["max"]) if isinstance(value, Mapping) else (value, value)
