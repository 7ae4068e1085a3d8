"""A transaction left open, the short form; `benchmarks.held_snapshot` has the long one."""

from typing import Any

from benchmarks.bench import Bench, Row
from benchmarks.held import Plan, measure_held

SHORT = Plan(before_s=10.0, held_s=30.0, window_s=10.0)
QUICK = Plan(before_s=4.0, held_s=8.0, window_s=4.0)


async def run(bench: Bench) -> dict[str, Any]:
    """Throughput and the price of a claim under full load, before and with the transaction."""
    rows = await measure_held(bench.services, QUICK if bench.quick else SHORT)
    for row in rows:
        bench.say(say(row))
    return {"about": ABOUT, "before": rows[0], "open": rows[-1], "rows": rows}


def say(row: Row) -> str:
    return (
        f"{row['transaction']}: {row['jobs_s']:.0f} jobs/s, claim p99 {row['claim_p99_ms']:.1f} ms,"
        f" {row['dead_rows']:,} dead rows"
    )


ABOUT = """\
Jobs with LLM 0, 64 in flight, as many waiting as the worker can do, while another session holds a \
REPEATABLE READ transaction open. Claims are those of a prober, by the product's statement, 20 a \
second. hot_share: updates of `jobs` that touch no index."""
