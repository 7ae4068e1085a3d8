"""One job at a time on an idle system: what the design adds to the slowest call."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row, summary
from benchmarks.contestant import Contestant, Load
from benchmarks.one_by_one import measure_one_by_one

LOAD = Load(llm_s=0.1, llm_spread_s=0.05, seed=SEED)
JOBS = 40
SYNC_JOBS = 12


async def run(bench: Bench) -> dict[str, Any]:
    """End to end minus the slowest call."""
    ours = roster.product(bench.services, tasks=roster.OVERHEAD_IN_FLIGHT)
    sync = roster.IDLE_SETTING.contestant()
    measured: dict[str, list[Row]] = {"product": [], "sync": []}
    for _ in range(min(2, bench.rounds)):
        measured["product"].append(await _measure(bench, ours, LOAD, JOBS))
        measured["sync"].append(await _measure(bench, sync, LOAD, SYNC_JOBS))
    rows = {name: summary(each) for name, each in measured.items()}
    return {
        "about": "From the wake-up to the end, minus the slowest of the six calls (0.1 ± 0.05 s).",
        **rows,
        "rows": list(rows.values()),
    }


async def _measure(bench: Bench, contestant: Contestant, load: Load, jobs: int) -> Row:
    row = await measure_one_by_one(bench.services, contestant, load, jobs=jobs // bench.less)
    bench.say(f"{row['contestant']}: p50 {row['p50_ms']:.1f} ms, p99 {row['p99_ms']:.1f} ms")
    return row
