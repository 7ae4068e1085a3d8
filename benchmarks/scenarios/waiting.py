"""Jobs that only wait: a second in place of the context, then six calls of about a second each.

What the engine does with two thousand jobs in flight. No chat is read: `even` and `mixed` do that.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, interleaved
from benchmarks.contestant import Contestant, Load
from benchmarks.seed import SMALL
from benchmarks.sweep import SECONDS_MAX, entry_of, swept
from benchmarks.throughput import Entry

LOAD = Load(llm_s=1.0, llm_spread_s=0.5, context_s=1.0, real_context=False, seed=SEED)
PRODUCT_JOBS = 4 * roster.IN_FLIGHT
ROUNDS = 2
CONFIGURED_JOBS = 2
"""Each takes its eight seconds, more or less, one after the other."""


async def run(bench: Bench) -> dict[str, Any]:
    """The product, the best of the sync design, of its rewriting, and the old configuration."""
    jobs = roster.IN_FLIGHT if bench.quick else PRODUCT_JOBS
    named = {"product": Entry(roster.product(bench.services), jobs, SECONDS_MAX)}
    sweeps = {}
    for name, ladders in _ladders(bench).items():
        sweeps[name] = await swept(bench, LOAD, SMALL, ladders)
        if (best := sweeps[name].best) is not None:
            named[name] = entry_of(best, SMALL)
    rows = await interleaved(bench, LOAD, [*named.values()], rounds=min(bench.rounds, ROUNDS))
    few = 1 if bench.quick else CONFIGURED_JOBS
    configured = Entry(roster.sync_as_configured(), few, SECONDS_MAX)
    once = [configured, *(Entry(one, CONFIGURED_JOBS, SECONDS_MAX) for one in _pools(bench))]
    rows += await interleaved(bench, LOAD, once, rounds=1)
    return {
        "about": "No chat is read: a wait of 1 s stands for the context; LLM 1 s ± 0.5 s; all jobs"
        " queued at once. The first rows are rounds taken in turns; the settings at the end were"
        " tried once each. As configured (prefork 1) the sync design runs one job at a time.",
        **dict(zip(named, rows, strict=False)),
        "sync_configured": rows[len(named)],
        "rows": [*rows, *(row for sweep in sweeps.values() for row in sweep.others())],
    }


def _pools(bench: Bench) -> Sequence[Contestant]:
    return roster.aio_pool() if bench.peers else ()


def _ladders(bench: Bench) -> dict[str, tuple[roster.Ladder, ...]]:
    if bench.quick:
        return {"sync_best": roster.QUICK_LADDERS}
    return {
        "sync_best": roster.WAITING_LADDERS,
        "rewritten_best": roster.WAITING_REWRITTEN_LADDERS,
    }
