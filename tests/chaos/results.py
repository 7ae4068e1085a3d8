"""`python -m tests.chaos.results .chaos/chaos-*.json`: campaigns that were run, into docs/chaos.md.

One row for each file, and their sum; campaigns of outages have a table of their own. A table of
which no campaign is named stays as it is. Takes what `make chaos` wrote, whatever it says.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.place import ROOT

DOCUMENT = ROOT / "docs" / "chaos.md"
CAMPAIGNS, OUTAGES = "campaigns", "outages"
HEAD = (
    "| Seed | Seconds | SIGKILLs | Freezes | Database stops | Jobs | of them expired | Violations"
    " | Stuck | Calls | Granted after settlement | Wasted | Recovery p99 | All ended after |\n"
    f"|{'---:|' * 14}\n"
)
OUTAGES_HEAD = (
    "| Seed | Seconds | Outages | Silence is of | All serve again after, p50 | at most | Jobs"
    " | of them succeeded | Violations | Stuck | Calls | Wasted | All ended after |\n"
    f"|{'---:|' * 13}\n"
)

Told = Mapping[str, Any]


def table(campaigns: Sequence[Told]) -> str:
    """One row a campaign; their sums below."""
    rows = [_row(told) for told in campaigns]
    return HEAD + "".join(rows) + _sum_row(campaigns)


def outages_table(campaigns: Sequence[Told]) -> str:
    """One row a campaign."""
    return OUTAGES_HEAD + "".join(_outages_row(told) for told in campaigns)


def has_outages(told: Told) -> bool:
    """Whether it is a campaign of outages; those before there were any do not say."""
    return told.get("serving_again_s", {}).get("count", 0) > 0


def _outages_row(told: Told) -> str:
    served = told["serving_again_s"]
    cells = (
        told["seed"],
        f"{told['seconds']:.0f}",
        served["count"],
        told["silence_is_of"],
        f"{served['p50']} s",
        f"{served['max']} s",
        told["sums"]["jobs"],
        told["jobs"].get("succeeded", 0),
        _broken(told),
        len(told["stuck"]),
        told["calls"]["all"],
        f"{told['calls']['wasted_percent']} %",
        f"{told['all_ended_after_s']:.1f} s",
    )
    return _line(cells)


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
    text = DOCUMENT.read_text()
    if usual := [told for told in campaigns if not has_outages(told)]:
        text = _with_block(text, CAMPAIGNS, table(usual))
    if of_outages := [told for told in campaigns if has_outages(told)]:
        text = _with_block(text, OUTAGES, outages_table(of_outages))
    DOCUMENT.write_text(text)


def _with_block(text: str, name: str, block: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{block}{end}{after}"


if __name__ == "__main__":
    main()
