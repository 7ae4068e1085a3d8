"""A model that answers at once: what is left is the cost of the design itself."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, best_of, interleaved
from benchmarks.contestant import Load
from benchmarks.throughput import Entry

LOAD = Load(llm_s=0.0, llm_spread_s=0.0, context_s=0.0, real_context=False, seed=SEED)
REAL = Load(llm_s=0.0, llm_spread_s=0.0, context_s=0.0, real_context=True, seed=SEED)
JOBS = 2_000
REAL_JOBS = 300
SYNC_JOBS = 120
SECONDS_MAX = 60.0


async def run(bench: Bench) -> dict[str, Any]:
    """The product, the ceilings and the best setting of the sync design, with LLM 0."""
    jobs = JOBS // bench.less
    sync_jobs = SYNC_JOBS // bench.less
    ours = roster.product(bench.services, tasks=roster.OVERHEAD_IN_FLIGHT)
    ceilings = roster.ceilings()
    tried = [setting.contestant() for setting in roster.sync_sweep_llm_0(quick=bench.quick)]
    best, swept = await best_of(bench, LOAD, [Entry(one, sync_jobs, SECONDS_MAX) for one in tried])
    entries = [
        Entry(ours, jobs, SECONDS_MAX),
        Entry(ceilings["ceiling"], jobs // 2, SECONDS_MAX),  # Slower, and as steady with fewer.
        Entry(ceilings["batched"], jobs, SECONDS_MAX),
        Entry(tried[best], sync_jobs, SECONDS_MAX),
    ]
    rows = await interleaved(bench, LOAD, entries, rounds=bench.rounds)
    real_entry = Entry(ours, REAL_JOBS // bench.less, SECONDS_MAX)
    real = await interleaved(bench, REAL, [real_entry], rounds=bench.rounds)
    real[0]["contestant"] += ", real context"
    return {
        "about": "LLM 0, context 0. The last row also builds the real context of a small chat.",
        "product": rows[0],
        "ceiling": rows[1],
        "batched": rows[2],
        "sync_best": rows[3],
        "real_context": real[0],
        "rows": [*rows, *(row for place, row in enumerate(swept) if place != best), *real],
    }
