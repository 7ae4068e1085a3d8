"""`python -m tests.chaos.results .chaos/chaos-*.json`: campaigns that were run, into docs/chaos.md.

One row for each file, and their sum. Takes what `make chaos` wrote, whatever it says.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.place import ROOT

DOCUMENT = ROOT / "docs" / "chaos.md"
BEGIN, END = "<!-- campaigns: begin -->", "<!-- campaigns: end -->"
HEAD = (
    "| Seed | Seconds | SIGKILLs | Freezes | Database stops | Jobs | of them expired | Violations"
    " | Stuck | Calls | Granted after settlement | Wasted | Recovery p99 | All ended after |\n"
    f"|{'---:|' * 14}\n"
)

Told = Mapping[str, Any]


def table(campaigns: Sequence[Told]) -> str:
    """One row a campaign; their sums below."""
    rows = [_row(told) for told in campaigns]
    return HEAD + "".join(rows) + _sum_row(campaigns)


def _row(told: Told) -> str:
    sums, calls = told["sums"], told["calls"]
    cells = (
        told["seed"],
        f"{told['seconds']:.0f}",
        *_counts(told),
        _broken(told),
        len(told["stuck"]),
        calls["all"],
        calls["granted_after_settlement"],
        f"{calls['wasted_percent']} %",
        f"{told['recovery_s']['p99']} s",
        f"{told['all_ended_after_s']:.1f} s",
    )
    assert sums["jobs"] == sum(told["jobs"].values())
    return _line(cells)


def _sum_row(campaigns: Sequence[Told]) -> str:
    totals = [sum(column) for column in zip(*(_counts(told) for told in campaigns), strict=True)]
    calls = sum(told["calls"]["all"] for told in campaigns)
    wasted = sum(told["calls"]["wasted"] for told in campaigns)
    cells = (
        "all",
        f"{sum(told['seconds'] for told in campaigns):.0f}",
        *totals,
        sum(_broken(told) for told in campaigns),
        sum(len(told["stuck"]) for told in campaigns),
        calls,
        sum(told["calls"]["granted_after_settlement"] for told in campaigns),
        f"{100 * wasted / calls:.2f} %",
        "",
        "",
    )
    return _line(cells)


def _counts(told: Told) -> tuple[int, ...]:
    sums = told["sums"]
    jobs = told["jobs"].get("expired", 0)
    return (sums["SIGKILLs"], sums["freezes"], sums["database stops"], sums["jobs"], jobs)


def _broken(told: Told) -> int:
    return sum(told["violations"].values())


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |\n"


def main() -> None:
    campaigns = [json.loads(Path(name).read_text()) for name in sys.argv[1:]]
    if not campaigns:
        sys.exit(__doc__)
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table(campaigns)}{END}{after}")


if __name__ == "__main__":
    main()
