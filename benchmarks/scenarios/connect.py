"""A database that takes long to connect to: a pool pays once, a connection a task every time."""

from typing import Any

from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row
from benchmarks.contestant import Load
from benchmarks.one_by_one import measure_one_by_one
from benchmarks.slow_connect import slow_connections

LOAD = Load(llm_s=0.1, llm_spread_s=0.05, seed=SEED)
DELAYS_S = (0.5, 4.0)
JOBS = 6
SYNC_JOBS = {0.5: 3, 4.0: 1}


async def run(bench: Bench) -> dict[str, Any]:
    """One job at a time behind each delay; the first one, which opens the pool, is apart."""
    rows: list[Row] = []
    for delay_s in DELAYS_S[: 1 if bench.quick else 2]:
        contestants = (
            (roster.product(bench.services, tasks=roster.OVERHEAD_IN_FLIGHT), JOBS),
            (roster.IDLE_SETTING.contestant(), SYNC_JOBS[delay_s]),
        )
        for contestant, jobs in contestants:
            async with slow_connections(bench.services, delay_s=delay_s) as port:
                row = await measure_one_by_one(
                    bench.services, contestant, LOAD, jobs=jobs, database_port=port
                )
            rows.append({"delay_s": delay_s, **row})
            bench.say(f"{contestant.name}, {delay_s} s: {row['p50_ms']:.0f} ms a job")
    return {
        "about": "A proxy adds the delay to each new database connection; first_ms is the job that"
        " finds the pool empty.",
        "rows": rows,
    }
