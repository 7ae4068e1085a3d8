"""A sync worker whose log is read when it is stopped: what it failed by, and how often."""

import re
from collections import Counter

from benchmarks.sync_design.contestant import Pool, SyncDesign

_ERROR = re.compile(r"(?:Retry in \d+s|raised unexpected): (.+)$")
_NUMBERS = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}|:\d+|Task-\d+")
ERROR_LENGTH_MAX = 160
OTHER_LOOP = re.compile(r"attached to a different loop|bound to a different event loop")


class Watched(SyncDesign):
    """Counts the errors in its worker's log, without the numbers in them."""

    def __init__(self, *, pool: Pool, concurrency: int, bridge: bool, prefetch: int = 1) -> None:
        super().__init__(
            pool=pool, concurrency=concurrency, bridge=bridge, prefetch=prefetch, log_level="INFO"
        )
        self.errors: Counter[str] = Counter()

    def stop(self) -> None:
        if self.pids():
            lines = self.log.read_text().splitlines()
            found = (_ERROR.search(line) for line in lines)
            self.errors = Counter(shortened(one[1]) for one in found if one)
        super().stop()

    def other_loop_errors(self) -> int:
        """How often something of one event loop was used on another."""
        return sum(count for error, count in self.errors.items() if OTHER_LOOP.search(error))


def shortened(error: str) -> str:
    """The error, with its addresses and ids as `…`, so that equal ones are equal."""
    return _NUMBERS.sub("…", error)[:ERROR_LENGTH_MAX]
