"""Jobs as they are: a second for the context, then six calls of about a second each."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, best_of, interleaved
from benchmarks.contestant import Load
from benchmarks.throughput import Entry

LOAD = Load(llm_s=1.0, llm_spread_s=0.5, context_s=1.0, real_context=False, seed=SEED)
PRODUCT_JOBS = 4 * roster.IN_FLIGHT
SYNC_FILLINGS = 2
"""Both work longer than they fill and empty; one more filling of the sync design takes 8 s."""
CONFIGURED_JOBS = 2
"""Each takes its eight seconds, more or less, one after the other."""
SECONDS_MAX = 60.0
"""Its tasks stand in one line, all contexts before all calls: it must be let finish."""


async def run(bench: Bench) -> dict[str, Any]:
    """The product and the sync design, as configured and at the best of its settings."""
    jobs = roster.IN_FLIGHT if bench.quick else PRODUCT_JOBS
    ours = Entry(roster.product(bench.services), jobs, SECONDS_MAX)
    few = 1 if bench.quick else CONFIGURED_JOBS
    configured = Entry(roster.sync_as_configured(), few, SECONDS_MAX)
    tried = roster.sync_sweep(quick=bench.quick)
    best, swept = await best_of(bench, LOAD, [_entry(setting) for setting in tried])
    theirs = _entry(tried[best], fillings=1 if bench.quick else SYNC_FILLINGS)
    rows = await interleaved(bench, LOAD, [ours, theirs], rounds=bench.rounds)
    rows += await interleaved(bench, LOAD, [configured], rounds=1)
    return {
        "about": "LLM 1 s ± 0.5 s, context 1 s; all jobs queued at once. The first two rows are"
        " rounds taken in turns; the sync settings below them were tried once each.",
        "product": rows[0],
        "sync_best": rows[1],
        "sync_configured": rows[2],
        "rows": [*rows, *(row for place, row in enumerate(swept) if place != best)],
    }


def _entry(setting: roster.Setting, *, fillings: int = 1) -> Entry:
    """Fillings of the pool: eight seconds of work each."""
    return Entry(setting.contestant(), fillings * setting.concurrency, SECONDS_MAX)
