"""Jobs that mostly wait: six calls of about two seconds each, about small chats.

What the engine does with two thousand jobs in flight; `even` and `mixed` compare.
"""

from collections.abc import Sequence
from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, interleaved
from benchmarks.contestant import Contestant, Load
from benchmarks.seed import SMALL_CHAT
from benchmarks.sweep import SECONDS_MAX
from benchmarks.throughput import Entry

LOAD = Load(llm_s=2.0, llm_spread_s=0.5, seed=SEED)
PRODUCT_JOBS = 4 * roster.IN_FLIGHT
ROUNDS = 2
CONFIGURED_JOBS = 2
"""Each takes its twelve seconds, more or less, one after the other."""


async def run(bench: Bench) -> dict[str, Any]:
    """The product, and the old configuration."""
    jobs = roster.IN_FLIGHT if bench.quick else PRODUCT_JOBS
    ours = Entry(roster.product(bench.services), jobs, SECONDS_MAX)
    rows = await interleaved(bench, LOAD, [ours], rounds=min(bench.rounds, ROUNDS))
    once = [
        Entry(one, CONFIGURED_JOBS, SECONDS_MAX)
        for one in (roster.sync_as_configured(), *_pools(bench))
    ]
    rows += await interleaved(bench, LOAD, once, rounds=1)
    return {
        "about": f"Chats of {SMALL_CHAT} messages; LLM 2 s ± 0.5 s; all jobs queued at once."
        " As configured (prefork 1) the sync design runs one job at a time.",
        "product": rows[0],
        "sync_configured": rows[1],
        "rows": rows,
    }


def _pools(bench: Bench) -> Sequence[Contestant]:
    return roster.aio_pool() if bench.peers else ()
