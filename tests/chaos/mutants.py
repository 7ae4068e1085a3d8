"""`python -m tests.chaos.mutants`: the campaign against the product with guards removed.

A guard that nothing misses proves nothing. So guards are removed from a copy, one on top of the
other, and the campaign must notice; then each of three is left as the only one, and must do.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.campaign import run_campaign
from tests.chaos.guards import (
    CHECKS,
    FENCE,
    JOB_STATE,
    LEASE,
    LOCK_ORDER,
    ORDER,
    RESERVATION_STATE,
    SETTLE_KEY,
    SYNCHRONOUS_COMMIT,
    Guard,
)
from tests.chaos.place import ROOT, copy_tree
from tests.chaos.plan import Fault, Options

DOCUMENT = ROOT / "docs" / "faults.md"
BEGIN = "<!-- mutants: python -m tests.chaos.mutants --write -->\n"
END = "<!-- end of mutants -->\n"
FAULTS = (
    Fault.FREEZE_WORKER,
    Fault.DUPLICATE,
    Fault.KILL_CHILD,
    Fault.STOP_DATABASE,
    Fault.CUT_COMMIT,
)
HARSHER = 3.0
CANCELLED_SHARE = 0.4
UNLOCKS_PER_S = 6.0
HEAL_S = 45.0
DATABASE_DELAY_S = 0.004
"""Few kinds of faults, much of each, many cancels, and a database in another house, so that the
steps of a transaction lie apart: what a guard lets through is rare."""
BESIDE_MONEY = {"answers that must not be", "processes that ended by themselves"}

HEAD = (
    "| Removed | Seconds | Jobs | Broken promises | Refused with an error"
    " | Granted without the lease | Calls wasted | doubled | Deadlocks |\n"
    "| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |\n"
)


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    removed: tuple[Guard, ...]


def cumulative() -> list[Mutant]:
    """Nothing removed, then each guard on top of those before it."""
    mutants = [Mutant("nothing", ())]
    for count, guard in enumerate(ORDER, start=1):
        mutants.append(Mutant(f"{'+ ' if count > 1 else ''}{guard.name}", ORDER[:count]))
    return mutants


def last_defences() -> list[Mutant]:
    """The guards of a settlement, all removed but one; and two that mask nothing else."""
    guards = (JOB_STATE, FENCE, LEASE, RESERVATION_STATE, SETTLE_KEY, CHECKS)
    states = {JOB_STATE, FENCE, RESERVATION_STATE}
    return [
        Mutant("all but states and fence", tuple(one for one in guards if one not in states)),
        Mutant("all but the `settle:` key", tuple(one for one in guards if one is not SETTLE_KEY)),
        Mutant("all but the CHECKs", tuple(one for one in guards if one is not CHECKS)),
        Mutant(f"only {SYNCHRONOUS_COMMIT.name}", (SYNCHRONOUS_COMMIT,)),
        Mutant(f"only {LOCK_ORDER.name}", (LOCK_ORDER,)),
    ]


ALL = (*cumulative(), *last_defences())
"""By these numbers `--only` names them."""


async def run_mutant(mutant: Mutant, options: Options) -> Mapping[str, Any]:
    """What the campaign told of it. Raises PatchDoesNotApply."""
    with tempfile.TemporaryDirectory(prefix="sixfold-mutant-") as folder:
        tree = Path(folder) / "tree"
        copy_tree(ROOT, tree)
        for guard in mutant.removed:
            for patch in guard.patches:
                patch.apply(tree)
        statements = [statement for guard in mutant.removed for statement in guard.statements]
        return (await run_campaign(options, source=tree, statements=statements)).told


def row(mutant: Mutant, told: Mapping[str, Any]) -> str:
    """One line of the table."""
    violations: Mapping[str, int] = told["violations"]
    broken = [
        f"{name.partition(' ')[0].replace('_', ' ')} × {_rows(told, name)}"
        for name in violations
        if name not in BESIDE_MONEY
    ]
    if told["stuck"]:
        broken.append(f"stuck × {len(told['stuck'])}")
    calls = told["calls"]
    jobs = f"{told['sums']['jobs']}, {told['jobs'].get('succeeded', 0)} succeeded"
    cells = (
        mutant.name,
        f"{told['seconds']:g}",
        jobs,
        ", ".join(broken) or "none",
        violations.get("answers that must not be", 0),
        calls["granted_without_lease"] + calls["granted_after_settlement"],
        f"{calls['wasted_percent']} %",
        calls["doubled"],
        told["deadlocks"],
    )
    return f"| {' | '.join(str(cell) for cell in cells)} |\n"


def merged(document: str, lines: Mapping[str, str]) -> str:
    """`document` with these lines, by name of their mutant, and the others as they were.

    In the order of the mutants; a line of one that is no more goes.
    """
    before, _, rest = document.partition(BEGIN)
    table, _, after = rest.partition(END)
    known = {name_of(line): f"{line}\n" for line in table.splitlines() if line.startswith("|")}
    known |= lines
    kept = [known[mutant.name] for mutant in ALL if mutant.name in known]
    return f"{before}{BEGIN}\n{HEAD}{''.join(kept)}\n{END}{after}"


def name_of(line: str) -> str:
    """The mutant of a line of the table."""
    return line.split("|")[1].strip()


def _rows(told: Mapping[str, Any], name: str) -> int:
    """Of an invariant, the most rows at once; of a rule, what it found."""
    return int(told["worst"].get(name, told["violations"][name]))


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    given = _arguments()
    chosen = [ALL[number] for number in given.only] if given.only else ALL
    for mutant in chosen:
        options = Options(
            seconds=given.seconds,
            seed=given.seed,
            unlocks_per_s=UNLOCKS_PER_S,
            cancelled_share=CANCELLED_SHARE,
            harsher=HARSHER,
            only=FAULTS,
            heal_s=HEAL_S,
            database_delay_s=DATABASE_DELAY_S,
        )
        try:
            told = asyncio.run(run_mutant(mutant, options))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return 130
        line = row(mutant, told)
        sys.stdout.write(line)
        sys.stdout.flush()
        if given.write:
            DOCUMENT.write_text(merged(DOCUMENT.read_text(), {mutant.name: line}))
    return 0


def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mutants", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1)
    names = ", ".join(f"{number} {mutant.name}" for number, mutant in enumerate(ALL))
    numbers = range(len(ALL))
    parser.add_argument("--only", type=int, nargs="+", choices=numbers, metavar="N", help=names)
    parser.add_argument("--write", action="store_true", help=f"into {DOCUMENT.name}")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
