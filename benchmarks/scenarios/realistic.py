"""Jobs as they are: a second for the context, then six calls of about a second each."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row, interleaved, middle
from benchmarks.contestant import Load
from benchmarks.throughput import Entry

LOAD = Load(llm_s=1.0, llm_spread_s=0.5, context_s=1.0, real_context=False, seed=SEED)
PRODUCT_JOBS = 4_000
CONFIGURED_JOBS = 2
SYNC_S_MAX = 60.0
"""Its tasks stand in one line, all contexts before all calls: it must be let finish."""


async def run(bench: Bench) -> dict[str, Any]:
    """The product and the sync design, as configured and at the best of its settings."""
    ours = Entry(roster.product(bench.services), PRODUCT_JOBS // (4 if bench.quick else 1), 60)
    configured = Entry(roster.sync_as_configured(), CONFIGURED_JOBS, 60)
    tried = roster.sync_sweep(quick=bench.quick)
    swept = await interleaved(bench, LOAD, [_entry(one) for one in tried], rounds=1)
    best = tried[_index_of_best(swept)]
    rows = await interleaved(bench, LOAD, [ours, _entry(best, 2)], rounds=bench.rounds)
    rows += await interleaved(bench, LOAD, [configured], rounds=1)
    return {
        "about": "LLM 1 s ± 0.5 s, context 1 s; all jobs queued at once. The first two rows are"
        " rounds taken in turns; the sync settings below them were tried once each.",
        "product": rows[0],
        "sync_best": rows[1],
        "sync_configured": rows[2],
        "rows": [*rows, *(row for row in swept if row["contestant"] != rows[1]["contestant"])],
    }


def _entry(setting: roster.Setting, fillings: int = 1) -> Entry:
    return Entry(setting.contestant(), fillings * setting.concurrency, SYNC_S_MAX)


def _index_of_best(swept: list[Row]) -> int:
    return max(range(len(swept)), key=lambda n: middle(swept[n]["jobs_s"]))
