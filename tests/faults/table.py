"""Writes the tables of docs/faults.md: `python -m tests.faults.table`."""

from itertools import groupby
from pathlib import Path

from app.faults import Spot, Step
from app.sqlstates import to_markdown
from tests.faults.outcomes import Fault, expected, faults_of
from tests.faults.scenarios import SCENARIOS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "faults.md"
BLOCKS = {"matrix": lambda: render(), "sqlstates": lambda: f"{to_markdown()}\n"}
NOT_APPLICABLE = "–"


def render() -> str:
    """The matrix as a table; faults that come to the same everywhere share a column."""
    columns = [list(faults) for _, faults in groupby(Fault, key=_column)]
    head = ["Step", *(" · ".join(faults) for faults in columns)]
    lines = [head, ["---"] * len(head)]
    for step, scenario in SCENARIOS.items():
        words = [_words(step, faults[0]) for faults in columns]
        lines.append([f"`{step}`: {scenario.what}", *words])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def written(document: str) -> str:
    """`document` with its tables as they are now."""
    for name, render_block in BLOCKS.items():
        begin, end = f"<!-- {name}: python -m tests.faults.table -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = document.partition(begin)
        _, _, after = rest.partition(end)
        document = f"{before}{begin}\n{render_block()}\n{end}{after}"
    return document


def _column(fault: Fault) -> list[str]:
    return [_words(step, fault) for step in SCENARIOS]


def _words(step: Step | Spot, fault: Fault) -> str:
    if isinstance(step, Spot) and fault is Fault.KILL_BEGIN:
        fault = Fault.KILL  # Without a transaction there is one moment to die.
    return expected(step, fault).value.words if fault in faults_of(step) else NOT_APPLICABLE


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
