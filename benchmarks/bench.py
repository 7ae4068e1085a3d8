"""What all scenarios share: the servers, the size of a run, rounds and their spread."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.contestant import Load
from benchmarks.services import Services
from benchmarks.throughput import Entry, measure

Row = dict[str, Any]
SEED = 6
_NAMES = frozenset({"contestant", "jobs", "violations"})


@dataclass(frozen=True)
class Bench:
    """A run; a quick one has one round and smaller numbers, and is for a look, not for a claim."""

    services: Services
    quick: bool

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 3

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
    measured: dict[str, list[Row]] = {entry.contestant.name: [] for entry in entries}
    for _ in range(rounds):
        for entry in entries:
            row = await measure(bench.services, entry, load)
            measured[entry.contestant.name].append(row)
            bench.say(f"{row['contestant']}: {row['jobs_s']:.2f} jobs/s")
    return [summary(rows) for rows in measured.values()]


def summary(rows: Sequence[Row]) -> Row:
    """One row of several: numbers as median, min and max; violations added up."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: _joined(name, [row[name] for row in rows if row.get(name) is not None])
        for name in names
    }


def spread(values: Iterable[float]) -> Mapping[str, float]:
    known = sorted(values)
    return {"median": median(known), "min": known[0], "max": known[-1]}


def middle(value: Any) -> float:
    """The median of a spread, or the number itself."""
    return float(value["median"] if isinstance(value, Mapping) else value)


def _joined(name: str, values: list[Any]) -> Any:
    if name == "violations":
        return sum(values)
    if not values or name in _NAMES or isinstance(values[0], str):
        return values[0] if values else None
    return spread(values)
