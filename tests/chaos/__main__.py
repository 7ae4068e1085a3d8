"""`python -m tests.chaos --seconds 60 --seed 1`: the campaign; exit 1 when a promise broke."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tests.chaos import plan
from tests.chaos.campaign import run_campaign
from tests.chaos.plan import Fault, Options
from tests.chaos.report import render

FOLDER = Path(".chaos")


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options()
    sys.stderr.write(
        f"chaos: seed {options.seed}, {options.seconds:.0f} s; short times: lease {plan.LEASE_S} s,"
        f" heartbeat {plan.HEARTBEAT_S} s, rescue {plan.RESCUE_S} s, attempt {plan.ATTEMPT_S} s,"
        f" reservations expire after {plan.EXPIRES_S} s\n"
    )
    try:
        report = asyncio.run(run_campaign(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("chaos: interrupted; everything it started has ended\n")
        return 130
    path = report.write(FOLDER)
    sys.stdout.write(f"{render(report.told)}\nwritten to {path}\n")
    for failure in report.failures:
        sys.stdout.write(f"FAILED: {failure}\n")
    sys.stdout.write("every promise was kept\n" if not report.failures else "")
    return 1 if report.failures else 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=Options().seconds)
    parser.add_argument("--seed", type=int, default=Options().seed)
    parser.add_argument("--users", type=int, default=Options().users)
    parser.add_argument("--workers", type=int, default=Options().workers)
    parser.add_argument("--unlocks-per-s", type=float, default=Options().unlocks_per_s)
    names = [fault.name.lower() for fault in Fault]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="only these faults")
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    given = parser.parse_args()
    return Options(
        seconds=given.seconds,
        seed=given.seed,
        users=given.users,
        workers=given.workers,
        unlocks_per_s=given.unlocks_per_s,
        only=tuple(Fault[name.upper()] for name in given.only),
        keep=given.keep,
    )


if __name__ == "__main__":
    sys.exit(main())
