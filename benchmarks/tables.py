"""Markdown tables of rows: two digits that say something, and the spread of the rounds."""

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Any

from benchmarks.bench import Row

HEADINGS = {
    "jobs_s": "jobs/s",
    "rate_s": "arrive/s",
    "requests_s": "requests/s",
    "parsed_s": "parsed/s",
    "kb_a_listener": "kB a listener",
    "cpu_ms_job": "CPU ms a job",
    "postgres_cpu_ms_job": "PostgreSQL CPU ms a job",
    "all_cpu_ms_job": "all CPU ms a job",
    "mb_in_flight": "MB a job in flight",
}
HIDDEN = frozenset({"max_ms", "seconds"})
DIGITS = 2


def table(rows: Sequence[Row]) -> str:
    """A column for every name that any row has."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    names = [name for name in names if name not in HIDDEN]
    lines = [
        f"| {' | '.join(HEADINGS.get(name, name.replace('_', ' ')) for name in names)} |",
        f"|{'|'.join('---' if _is_text(rows, name) else '--:' for name in names)}|",
    ]
    lines += [f"| {' | '.join(shown(row.get(name)) for name in names)} |" for row in rows]
    return "\n".join(lines) + "\n"


def shown(value: Any) -> str:
    """A cell: whole numbers as they are, since they count, all others by `number`."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        ends = [number(value[end]) for end in ("median", "min", "max")]
        return ends[0] if ends[1] == ends[2] else f"{ends[0]} ({ends[1]} to {ends[2]})"
    if isinstance(value, float):
        return number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def number(value: float) -> str:
    """Two significant digits: no run on a shared machine says more."""
    if value == 0 or isinstance(value, int):
        return f"{value:,}"
    decimals = DIGITS - 1 - floor(log10(abs(value)))
    rounded = round(value, decimals)
    if rounded == int(rounded) and abs(rounded) >= 10 ** (DIGITS - 1):
        return f"{rounded:,.0f}"
    return f"{rounded:.{max(decimals, 0)}f}"


def _is_text(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row.get(name), str) for row in rows)
