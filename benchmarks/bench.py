"""What all scenarios share: the servers, the size of a run, rounds and their spread."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.contestant import Load
from benchmarks.seeded import SeededDatabases
from benchmarks.services import Services
from benchmarks.throughput import Entry, measure

Row = dict[str, Any]
SEED = 6
LATE_S, VERY_LATE_S = 480.0, 660.0
"""A run that is this old takes two rounds in place of three, then one, so that it ends.
What stands in the README comes first.
"""
_NAMES = frozenset({"contestant", "jobs"})
_ADDED_UP = frozenset({"violations", "failed"})
_LEAST = frozenset({"ended"})
"""A count, and of several rounds the one that ended the fewest."""


@dataclass(frozen=True)
class Bench:
    """A run; a quick one has one round and smaller numbers, and is for a look, not for a claim.

    With `peers` other queues take part.
    """

    services: Services
    quick: bool
    peers: bool = False
    started: float = field(default_factory=time.monotonic)
    found: dict[str, Any] = field(default_factory=dict)
    """What one scenario found and others build on, by name."""

    @property
    def rounds(self) -> int:
        if self.quick:
            return 1
        age_s = time.monotonic() - self.started
        return 3 if age_s < LATE_S else 2 if age_s < VERY_LATE_S else 1

    @property
    def less(self) -> int:
        """By what a quick run divides its numbers."""
        return 4 if self.quick else 1

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)


async def interleaved(
    bench: Bench, load: Load, entries: Sequence[Entry], *, rounds: int
) -> list[Row]:
    """A row for each entry. All take part in each round, so that a slow minute of the machine
    hits every contestant.
    """
    measured: list[list[Row]] = [[] for _ in entries]
    needed = rounds * [(entry.work, entry.jobs) for entry in entries]
    async with SeededDatabases(bench.services, needed) as seeded:
        for _ in range(rounds):
            for entry, rows in zip(entries, measured, strict=True):
                row = await measure(bench.services, entry, load, seeded)
                rows.append(row)
                shown = row.get("invalid") or f"{row['jobs_s']:.2f} jobs/s"
                bench.say(f"{row['contestant']}: {shown}")
    return [summary(rows) for rows in measured]


def summary(rows: Sequence[Row]) -> Row:
    """One row of several: numbers as median, min and max; violations and failures added up."""
    names = dict.fromkeys(name for row in rows for name in row)
    joined = {
        name: _joined(name, [row[name] for row in rows if row.get(name) is not None])
        for name in names
    }
    return joined | {"rounds": len(rows)}


def is_valid(row: Row) -> bool:
    """Whether all jobs of the row ended well: else none of its figures is compared."""
    return not (row.get("invalid") or row.get("failed") or row.get("violations"))


def spread(values: Iterable[float]) -> Mapping[str, float]:
    known = sorted(values)
    return {"median": median(known), "min": known[0], "max": known[-1]}


def middle(value: Any) -> float:
    """The median of a spread, or the number itself."""
    return float(value["median"] if isinstance(value, Mapping) else value)


def _joined(name: str, values: list[Any]) -> Any:
    if name in _ADDED_UP:
        return sum(values)
    if name in _LEAST and values:
        return min(values)
    if not values or name in _NAMES or isinstance(values[0], str):
        return values[0] if values else None
    return spread(values)
