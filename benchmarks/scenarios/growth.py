"""How throughput and memory grow with jobs in flight, and with worker processes."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row
from benchmarks.contestant import Load
from benchmarks.seed import SMALL_CHAT
from benchmarks.seeded import SeededDatabases
from benchmarks.throughput import Entry, measure

LOAD = Load(llm_s=2.0, llm_spread_s=0.5, seed=SEED)
IN_FLIGHT = (10, 100, 1_000, 5_000)
PROCESSES = (1, 2, 4)
OVERHEAD = Load(llm_s=0.0, llm_spread_s=0.0, seed=SEED)


async def run(bench: Bench) -> dict[str, Any]:
    """Two fillings of each width; then LLM 0 with more and more processes."""
    widths = (10, 2_000) if bench.quick else IN_FLIGHT
    by_width = [
        await _row(bench, Entry(roster.product(bench.services, tasks=width), _jobs(width), 60))
        for width in widths
    ]
    entries = [
        Entry(
            roster.product(bench.services, tasks=roster.OVERHEAD_IN_FLIGHT, processes=count),
            3_000 // bench.less,
            60,
        )
        for count in PROCESSES[: 2 if bench.quick else 3]
    ]
    needed = [(entry.work, entry.jobs) for entry in entries]
    async with SeededDatabases(bench.services, needed) as seeded:
        by_processes = [await _row(bench, entry, OVERHEAD, seeded) for entry in entries]
    return {
        "about": f"Chats of {SMALL_CHAT} messages. LLM 2 s ± 0.5 s by jobs in flight in one"
        " process; then LLM 0 by worker processes on the same cores.",
        "by_width": dict(zip(map(str, widths), by_width, strict=True)),
        "rows": [*by_width, *by_processes],
    }


def _jobs(width: int) -> int:
    return max(20, min(2 * width, 5_000))


async def _row(
    bench: Bench, entry: Entry, load: Load = LOAD, seeded: SeededDatabases | None = None
) -> Row:
    row = await measure(bench.services, entry, load, seeded)
    bench.say(f"{row['contestant']}: {row['jobs_s']:.1f} jobs/s, {row['peak_mb'] or 0:.0f} MB")
    return row
