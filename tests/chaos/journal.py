"""What a worker process did, line by line, in a file that survives its SIGKILL.

Times are `time.monotonic()`, which all processes of a machine share and no skew touches.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = "CHAOS_JOURNAL"

Line = dict[str, Any]


class Journal:
    """Appends lines with one `write` each: the kernel has them even if the process dies next."""

    def __init__(self) -> None:
        self._file: int | None = None
        self._pid = 0

    def note(self, event: str, **values: Any) -> None:
        if self._file is None or self._pid != os.getpid():
            self._pid = os.getpid()
            path = Path(os.environ[FOLDER]) / f"{self._pid}-{time.monotonic():.3f}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        line = json.dumps({"event": event, "at": time.monotonic(), **values})
        os.write(self._file, line.encode() + b"\n")


def read_journals(folder: Path) -> Iterator[tuple[int, list[Line]]]:
    """`(pid, lines)` of each process; a torn last line is left out."""
    for path in sorted(folder.glob("*.jsonl")):
        lines: list[Line] = []
        for raw in path.read_bytes().splitlines():
            try:
                lines.append(json.loads(raw))
            except ValueError:
                continue
        yield int(path.name.partition("-")[0]), lines
