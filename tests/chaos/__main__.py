"""`python -m tests.chaos --seconds 60 --seed 1`: the campaign; exit 1 when a promise broke."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.chaos import plan
from tests.chaos.campaign import run_campaign
from tests.chaos.plan import Fault, Options
from tests.chaos.report import render

FOLDER = Path(".chaos")
OUTAGES_NAME = "outages"


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = parse_options()
    sys.stderr.write(
        f"chaos: seed {options.seed}, {options.seconds:.0f} s; short times: lease {plan.LEASE_S} s,"
        f" heartbeat {plan.HEARTBEAT_S} s, rescue {options.rescue_s} s, attempt {plan.ATTEMPT_S} s,"
        f" reservations expire after {plan.EXPIRES_S} s\n"
    )
    try:
        report = asyncio.run(run_campaign(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.stderr.write("chaos: interrupted; everything it started has ended\n")
        return 130
    path = report.write(FOLDER)
    sys.stdout.write(f"{render(report.told)}\nwritten to {path}\n")
    if options.are_times_advisory:
        sys.stdout.write("times and shares are advisory here: only the rest can fail\n")
    for failure in report.failures:
        sys.stdout.write(f"FAILED: {failure}\n")
    sys.stdout.write("every promise was kept\n" if not report.failures else "")
    return 1 if report.failures else 0


def parse_options(argv: Sequence[str] | None = None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=Options().seconds)
    parser.add_argument("--seed", type=int, default=Options().seed)
    parser.add_argument("--users", type=int, default=Options().users)
    parser.add_argument("--workers", type=int, default=Options().workers)
    parser.add_argument("--unlocks-per-s", type=float, default=Options().unlocks_per_s)
    names = [fault.name.lower() for fault in Fault]
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*names, OUTAGES_NAME],
        help=f"only these faults; {OUTAGES_NAME} are those of the network and of Redis, which are"
        " left out otherwise",
    )
    parser.add_argument(
        "--rescue-s",
        type=float,
        help=f"{plan.RESCUE_S} unless FLUSHALL is the only fault: then, as in production, "
        f"{plan.RESCUE_IN_PRODUCTION_S}",
    )
    parser.add_argument(
        "--times-advisory",
        action="store_true",
        help="for busy machines: times and shares are told and break nothing",
    )
    parser.add_argument("--keep", action="store_true", help="keep the temporary folder")
    given = parser.parse_args(argv)
    only = _faults(given.only)
    rescue_s = plan.RESCUE_IN_PRODUCTION_S if only == (Fault.FLUSHALL,) else plan.RESCUE_S
    return Options(
        seconds=given.seconds,
        seed=given.seed,
        users=given.users,
        workers=given.workers,
        unlocks_per_s=given.unlocks_per_s,
        only=only,
        rescue_s=given.rescue_s or rescue_s,
        heal_s=plan.HEAL_PATIENT_S if given.times_advisory else plan.HEAL_S,
        are_times_advisory=given.times_advisory,
        keep=given.keep,
    )


def _faults(names: Sequence[str] | None) -> tuple[Fault, ...]:
    if names is None:
        return plan.USUAL
    chosen = {Fault[name.upper()] for name in names if name != OUTAGES_NAME}
    if OUTAGES_NAME in names:
        chosen |= plan.OUTAGES
    return tuple(fault for fault in Fault if fault in chosen)


if __name__ == "__main__":
    sys.exit(main())
