"""A model that answers at once: what is left is the cost of the design itself."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row, best_of, interleaved
from benchmarks.contestant import Load
from benchmarks.throughput import Entry, measure

LOAD = Load(llm_s=0.0, llm_spread_s=0.0, context_s=0.0, real_context=False, seed=SEED)
REAL = Load(llm_s=0.0, llm_spread_s=0.0, context_s=0.0, real_context=True, seed=SEED)
JOBS = 2_000
PEER_JOBS = 400
PEER_ROUNDS = 2
"""With other queues beside them, all take two rounds, to leave the other scenarios their time."""
REAL_JOBS = 300
SYNC_JOBS = 120
SWEEP_JOBS = 60
"""Fewer would be over before the children of a large pool have warmed up."""
LOSING_JOBS = 100
SECONDS_MAX = 60.0
LOSING_S = 25.0
"""A failed charge is tried again after 5 s and once more after 10 s: what has not ended by then,
with nothing under way, does not end.
"""


async def run(bench: Bench) -> dict[str, Any]:
    """The product, the ceilings and the best setting of the sync design, with LLM 0."""
    jobs = JOBS // bench.less
    ours = roster.product(bench.services, tasks=roster.OVERHEAD_IN_FLIGHT)
    ceilings = roster.ceilings()
    tried = [setting.contestant() for setting in roster.sync_sweep_llm_0(quick=bench.quick)]
    best, swept = await best_of(bench, LOAD, [Entry(one, SWEEP_JOBS, SECONDS_MAX) for one in tried])
    entries = [
        Entry(ours, jobs, SECONDS_MAX),
        Entry(ceilings["ceiling"], jobs // 2, SECONDS_MAX),  # Slower, and as steady with fewer.
        Entry(ceilings["batched"], jobs, SECONDS_MAX),
        Entry(tried[best], SYNC_JOBS // bench.less, SECONDS_MAX),
    ]
    peers = roster.peers() if bench.peers else []
    entries += [Entry(peer, PEER_JOBS // bench.less, SECONDS_MAX) for peer in peers]
    rounds = min(bench.rounds, PEER_ROUNDS) if peers else bench.rounds
    rows = await interleaved(bench, LOAD, entries, rounds=rounds)
    real_entry = Entry(ours, REAL_JOBS // bench.less, SECONDS_MAX)
    real = await interleaved(bench, REAL, [real_entry], rounds=rounds)
    real[0]["contestant"] += ", real context"
    losing = [] if bench.quick else [await _losing(bench)]
    return {
        "about": _ABOUT + (_ABOUT_PEERS if peers else ""),
        "product": rows[0],
        "ceiling": rows[1],
        "batched": rows[2],
        "sync_best": rows[3],
        "peers": rows[4:],
        "real_context": real[0],
        "rows": [*rows, *real, *(row for n, row in enumerate(swept) if n != best), *losing],
    }


async def _losing(bench: Bench) -> Row:
    """The sync variant that loses jobs: how many, and by which error."""
    threads = roster.sync_losing()
    row = await measure(bench.services, Entry(threads, LOSING_JOBS, LOSING_S), LOAD)
    row["lost"] = row["jobs"] - row["ended"]
    row["why"] = f"{threads.other_loop_errors()} × attached to a different loop"
    bench.say(f"{row['contestant']}: {row['lost']} of {row['jobs']} lost, {row['why']}")
    return row


_ABOUT = """\
LLM 0, context 0; "real context" also builds that of a small chat. The sync settings below it \
were tried once each. The one with the bridge charges by `asyncio.run()`, as the old code did: \
in a pool of threads an engine that several event loops share loses jobs, which then hold their \
coins until the cleanup (benchmarks/sync_design/README.md)."""

_ABOUT_PEERS = """

The other queues run the plain body: the statements of "bare asyncpg, one transaction a step", as \
an application would write them. They differ little from it and from each other, Taskiq with its \
stock broker among them: the body decides, not the broker. The last one runs the batched body."""
