"""The search for the best setting of a contestant: on and on until more slots stop paying."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks import machine
from benchmarks.bench import Bench, Row, is_valid, middle
from benchmarks.contestant import Load
from benchmarks.roster import Ladder, Setting
from benchmarks.seed import Work
from benchmarks.throughput import Entry, measure

FILLINGS = 4
PAYS = 1.05
"""A step pays when it is so much faster than the best before it."""
UNPAID_MAX = 2
"""Steps in a row that do not pay end a ladder: one may be a slow minute of the machine."""
MEMORY_SHARE = 0.6
"""Of the memory that is free, what the next step may be expected to take."""
SECONDS_MAX = 60.0
SWEEP_S_MAX = 200.0
"""A sweep ends by then, whatever is left of its ladders, and says so: a run has to end, too."""


@dataclass
class Sweep:
    """What was tried, and the best of it; None where no setting ended all its jobs."""

    best: Setting | None = None
    rows: list[Row] = field(default_factory=list)
    _jobs_s: float = 0.0

    def add(self, setting: Setting, row: Row) -> bool:
        """Whether the setting is the fastest so far."""
        self.rows.append(row)
        is_faster = is_valid(row) and middle(row["jobs_s"]) > self._jobs_s
        if is_faster:
            self.best, self._jobs_s = setting, middle(row["jobs_s"])
        return is_faster

    def others(self) -> list[Row]:
        """All rows but that of the best setting, which is measured again in rounds."""
        named = self.best.contestant().name if self.best is not None else None
        return [row for row in self.rows if row["contestant"] != named]


async def swept(
    bench: Bench,
    load: Load,
    work: Work,
    ladders: Sequence[Ladder],
    *,
    seconds_max: float = SWEEP_S_MAX,
) -> Sweep:
    """Climbs each ladder, one try a setting, four fillings of its slots each."""
    sweep = Sweep()
    ends = time.monotonic() + seconds_max
    for ladder in ladders:
        if time.monotonic() < ends:
            await _climb(bench, load, work, ladder, sweep, ends)
    return sweep


async def _climb(
    bench: Bench, load: Load, work: Work, ladder: Ladder, sweep: Sweep, ends: float
) -> None:
    best_jobs_s, unpaid = 0.0, 0
    for setting in ladder.settings():
        row = await measure(bench.services, entry_of(setting, work), load)
        sweep.add(setting, row)
        jobs_s = middle(row["jobs_s"]) if is_valid(row) else 0.0
        bench.say(f"{row['contestant']}: {row.get('invalid') or f'{jobs_s:.2f} jobs/s'}")
        unpaid = 0 if jobs_s > PAYS * best_jobs_s else unpaid + 1
        best_jobs_s = max(best_jobs_s, jobs_s)
        if unpaid >= UNPAID_MAX:
            row["why_last"] = "more slots did not pay"
        elif 2 * (row.get("peak_mb") or 0.0) > MEMORY_SHARE * machine.available_mb():
            row["why_last"] = "memory"
        elif not is_valid(row):
            row["why_last"] = "invalid"
        elif time.monotonic() > ends:
            row["why_last"] = "the time for the sweep was over"
        elif setting == ladder.settings()[-1]:
            row["why_last"] = "the most that was tried"
        if "why_last" in row:
            return


def entry_of(setting: Setting, work: Work, *, fillings: int = FILLINGS) -> Entry:
    return Entry(setting.contestant(), setting.jobs(fillings), SECONDS_MAX, work)
