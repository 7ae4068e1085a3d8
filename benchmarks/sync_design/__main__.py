"""Runs the sync design at one setting and says what became of its jobs, and why.

python -m benchmarks.sync_design --pool threads --concurrency 8 --bridge
"""

import argparse
import asyncio
import json

from benchmarks.contestant import Load
from benchmarks.services import services
from benchmarks.sync_design.watched import Watched
from benchmarks.throughput import Entry, measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", choices=("prefork", "threads", "gevent"), default="prefork")
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--prefetch", type=int, default=1)
    parser.add_argument("--bridge", action="store_true", help="charge by asyncio.run()")
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0, help="until it is stopped")
    parser.add_argument("--llm-s", type=float, default=0.0)
    given = parser.parse_args()
    design = Watched(
        pool=given.pool,
        concurrency=given.concurrency,
        bridge=given.bridge,
        prefetch=given.prefetch,
    )
    load = Load(given.llm_s, given.llm_s / 2, seed=1)
    with services() as running:
        measured = asyncio.run(measure(running, Entry(design, given.jobs, given.seconds), load))
    print(json.dumps(measured, indent=1))
    print(f"not ended after {given.seconds:.0f} s: {measured['jobs'] - measured['ended']}")
    for error, count in design.errors.most_common():
        print(f"{count:5} × {error}")


if __name__ == "__main__":
    main()
