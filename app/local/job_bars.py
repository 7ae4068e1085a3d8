"""Six bars on a terminal, one for each insight of a job; they move while a job runs."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

Json = dict[str, Any]


class JobBars:
    """Shows each snapshot that it is given, for as long as its block lasts."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description:<32}"), BarColumn())
        self._progress = Progress(*columns, TextColumn("{task.fields[state]}"), console=console)
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, snapshot: Json) -> None:
        """A bar without a total moves from side to side: how long a model takes is not known."""
        for insight in snapshot["insights"]:
            bar = self._bars.get(insight["key"])
            if bar is None:
                bar = self._progress.add_task(insight["title"], total=1, state="")
                self._bars[insight["key"]] = bar
            is_running = insight["state"] == "running"
            self._progress.update(
                bar,
                total=None if is_running else 1,
                completed=int(insight["state"] in {"completed", "empty"}),
                state=_said(insight),
            )


@contextmanager
def shown_snapshots() -> Generator[Callable[[Json], None]]:
    """Shows snapshots on standard output: as bars on a terminal, elsewhere a line of JSON each."""
    if not sys.stdout.isatty():
        yield lambda snapshot: _write(orjson.dumps(snapshot).decode())
        return
    last: Json = {}
    with JobBars(Console(highlight=False)) as bars:

        def show(snapshot: Json) -> None:
            last.update(snapshot)
            bars.show(snapshot)

        yield show
    if last:
        _write(f"{last['state']}. {last['message']}")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _said(insight: Json) -> str:
    if insight["duration_ms"] is None:
        return str(insight["state"])
    return f"{insight['state']} in {insight['duration_ms']} ms"
