"""A transaction left open for half an hour under full load.

python -m benchmarks.held_snapshot [--minutes 30] [--write]

Two minutes without it, then with it, and the last two minutes against the first. `--write` puts the
table into docs/performance.md. It takes about 10 GB of disk for half an hour. Exit 1 when a target
is missed: throughput at least 90 %, p99 of a claim at most twice.
"""

import argparse
import asyncio
import signal
import sys

from benchmarks import machine
from benchmarks.bench import Row
from benchmarks.held import Plan, measure_held
from benchmarks.pages import PERFORMANCE, fill
from benchmarks.run import silence_libraries
from benchmarks.scenarios.held import ABOUT, say
from benchmarks.services import services
from benchmarks.tables import number, table
from benchmarks.targets import CLAIM_TIMES_MAX, THROUGHPUT_LEFT_MIN

WINDOW_S_MAX = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.held_snapshot", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--write", action="store_true", help="the table into docs/performance.md")
    given = parser.parse_args()
    silence_libraries()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    held_s = 60 * given.minutes
    window_s = min(WINDOW_S_MAX, held_s / 3)
    with services() as servers:
        rows = asyncio.run(measure_held(servers, Plan(window_s, held_s, window_s)))
    for row in rows:
        print(say(row))
    left, times = verdict(rows)
    told = f"Throughput {number(left)} of what it was, p99 of a claim {number(times)} ×."
    print(told)
    if given.write:
        load = machine.describe()["load_average_before"][0]
        about = f"{ABOUT} {told} Load of the machine at the end: {load}."
        fill(PERFORMANCE, "held for long", f"{about}\n\n{table(rows)}")
    if any(row["violations"] for row in rows):
        sys.exit("an invariant is violated")
    if left < THROUGHPUT_LEFT_MIN or times > CLAIM_TIMES_MAX:
        sys.exit("a target is missed")


def verdict(rows: list[Row]) -> tuple[float, float]:
    """The share of throughput that is left at the end, and how many times longer a claim takes."""
    first, last = rows[0], rows[-1]
    return last["jobs_s"] / first["jobs_s"], last["claim_p99_ms"] / first["claim_p99_ms"]


if __name__ == "__main__":
    main()
