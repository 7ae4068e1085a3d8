"""The benchmark: both designs and the ceiling in one run on this machine.

python -m benchmarks.run [--quick] [--peers] [--only even,unlock]
"""

import argparse
import asyncio
import logging
import signal
import sys
import time
from typing import Any

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.report import targets_table, write_report
from benchmarks.scenarios import QUICK, SCENARIOS
from benchmarks.services import Services, services
from benchmarks.targets import judged


def main() -> None:
    given = _arguments()
    silence_libraries()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ends as on Ctrl-C: in order.
    machine.allow_open_files()
    environment = machine.describe() | {"quick": given.quick, "peers": given.peers}
    started = time.monotonic()
    try:
        with services() as servers:
            measured = asyncio.run(_measure(servers, given, environment))
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was written")
    environment["seconds"] = time.monotonic() - started
    targets = judged(measured)
    summary = write_report({"environment": environment, "scenarios": measured, "targets": targets})
    print(f"\n{targets_table(targets)}\nAll tables: {summary}")
    if wrong := _wrong(measured):
        sys.exit(f"invariants were violated or jobs failed: no figure counts: {', '.join(wrong)}")


async def _measure(
    servers: Services, given: argparse.Namespace, environment: dict[str, Any]
) -> dict[str, Any]:
    environment["servers"] = await servers.settings()
    bench = Bench(servers, quick=given.quick, peers=given.peers)
    measured: dict[str, Any] = {}
    for name in given.only or (QUICK if given.quick else SCENARIOS):
        started = time.monotonic()
        print(f"{name}", flush=True)
        measured[name] = bench.found[name] = await SCENARIOS[name](bench)
        measured[name]["took_s"] = time.monotonic() - started
        bench.say(f"({measured[name]['took_s']:.0f} s)")
    return measured


def _wrong(measured: dict[str, Any]) -> list[str]:
    """Who violated an invariant, or ended a job without its six insights, though no call fails."""
    return [
        f"{name}: {row.get('contestant', row.get('load'))}"
        for name, scenario in measured.items()
        for row in scenario["rows"]
        if row.get("violations") or row.get("failed")
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three minutes, one round: for a look")
    parser.add_argument("--peers", action="store_true", help="other queues too, in overhead")
    parser.add_argument("--only", type=_scenarios, help=f"some of {','.join(SCENARIOS)}")
    return parser.parse_args()


def _scenarios(given: str) -> list[str]:
    names = given.split(",")
    if unknown := set(names) - set(SCENARIOS):
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
    return names


def silence_libraries() -> None:
    """What they tell at INFO is of no use here."""
    for name in ("alembic", "sqlalchemy"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    main()
