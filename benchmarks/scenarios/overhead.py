"""A model that answers at once: what is left is the cost of the design itself."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row, interleaved
from benchmarks.contestant import Load
from benchmarks.seed import SMALL, SMALL_CHAT
from benchmarks.sweep import entry_of, swept
from benchmarks.throughput import Entry, measure

LOAD = Load(llm_s=0.0, llm_spread_s=0.0, seed=SEED)
JOBS = 2_000
PEER_JOBS = 400
ROUNDS = 2
SECONDS_MAX = 60.0
SWEEP_S_MAX = 30.0
LOSING_JOBS, LOSING_TRIES = 100, 3
LOSING_S = 25.0
"""A failed charge is tried again after 5 s and once more after 10 s: what has not ended by then,
with nothing under way, does not end.
"""


async def run(bench: Bench) -> dict[str, Any]:
    """The product, the ceilings, a stock queue, and the best settings of the sync design."""
    jobs = JOBS // bench.less
    ours = roster.product(bench.services, tasks=roster.OVERHEAD_IN_FLIGHT)
    named = {
        "product": Entry(ours, jobs, SECONDS_MAX),
        # Slower, and as steady with fewer.
        "ceiling": Entry(roster.ceilings()["ceiling"], jobs // 2, SECONDS_MAX),
        "batched": Entry(roster.ceilings()["batched"], jobs, SECONDS_MAX),
        "stock": Entry(roster.stock_queue(), jobs, SECONDS_MAX),
    }
    ladders = _ladders(bench, one_task=False)
    sweeps = {"sync_best": await swept(bench, LOAD, SMALL, ladders, seconds_max=SWEEP_S_MAX)}
    if not bench.quick:
        ladders = _ladders(bench, one_task=True)
        sweeps["rewritten_best"] = await swept(bench, LOAD, SMALL, ladders, seconds_max=SWEEP_S_MAX)
    for name, sweep in sweeps.items():
        if sweep.best is not None:
            named[name] = entry_of(sweep.best, SMALL)
    peers = [
        Entry(peer, PEER_JOBS // bench.less, SECONDS_MAX)
        for peer in (roster.peers() if bench.peers else [])
    ]
    rounds = min(bench.rounds, ROUNDS)
    rows = await interleaved(bench, LOAD, [*named.values(), *peers], rounds=rounds)
    losing = [] if bench.quick else [await _losing(bench)]
    others = [row for sweep in sweeps.values() for row in sweep.others()]
    about = [_ABOUT, *map(_about_losing, losing)] + ([_ABOUT_PEERS] if peers else [])
    return {
        "about": " ".join(about),
        **dict(zip(named, rows, strict=False)),
        "peers": rows[len(named) :],
        "rows": [*rows, *others, *losing],
    }


def _ladders(bench: Bench, *, one_task: bool) -> tuple[roster.Ladder, ...]:
    if bench.quick:
        return roster.QUICK_REWRITTEN_LADDERS if one_task else roster.QUICK_LADDERS
    return roster.LLM_0_REWRITTEN_LADDERS if one_task else roster.LLM_0_LADDERS


async def _losing(bench: Bench) -> Row:
    """The sync variant that can lose jobs, until it does: how many, and by which error."""
    row: Row = {}
    for tries in range(1, LOSING_TRIES + 1):
        threads = roster.sync_losing()
        row = await measure(bench.services, Entry(threads, LOSING_JOBS, LOSING_S), LOAD)
        row |= {
            "lost": row["jobs"] - row["ended"],
            "tries": tries,
            "why": f"{threads.other_loop_errors()} × attached to a different loop",
        }
        bench.say(f"{row['contestant']}: {row['lost']} of {row['jobs']} lost, {row['why']}")
        if row["lost"]:
            break
    return row


def _about_losing(row: Row) -> str:
    """What was seen, not what was expected."""
    setting = f'"{row["contestant"]}" charges by `asyncio.run()`, as the old code did'
    if row["lost"]:
        return (
            f"{setting}: in run {row['tries']} {row['lost']} of {row['jobs']} jobs never ended, and"
            " hold their coins until the cleanup (benchmarks/sync_design/README.md tells why)."
        )
    return (
        f"{setting}: threads that share an engine of several event loops can lose jobs"
        f" (benchmarks/sync_design/README.md); in {row['tries']} runs of {row['jobs']} jobs it lost"
        " none here."
    )


_ABOUT = f"""\
LLM 0, chats of {SMALL_CHAT} messages. The ceilings are the same \
effects without framework, queue or rescue; SAQ with the batched body is a stock queue with the \
product's own statements. The sync settings below the rounds were tried once each."""

_ABOUT_PEERS = """\
The other queues run the plain body: the statements of "bare asyncpg, one transaction a step", as \
an application would write them."""
