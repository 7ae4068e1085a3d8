"""How far back a look for due jobs goes.

While a transaction stays open somewhere, PostgreSQL keeps every version of a row that it might
see, and their entries in indexes. A look in order of such an index walks over those of every job
that was ever queued meanwhile: seconds of work for a million. So after a look that took long the
next ones begin shortly before the oldest job that it found; all is looked through again only after
a multiple of the time it took.
"""

import time
from datetime import datetime, timedelta

LONG_S = 0.05
SPARED = 20
"""A long look through everything is repeated after so many times its duration."""
SLACK = timedelta(seconds=10)
"""What is due since then may still have been on its way to its COMMIT."""


class Horizon:
    """Of one kind of look in one process."""

    def __init__(self) -> None:
        self._oldest: datetime | None = None
        self._all_again_at = 0.0

    def since(self) -> datetime | None:
        """From when on the next look looks; None is through everything."""
        if self._oldest is None or time.monotonic() >= self._all_again_at:
            return None
        return self._oldest - SLACK

    def note(self, oldest: datetime, *, since: datetime | None, took_s: float) -> None:
        """A look from `since` on has found nothing that was due before `oldest`."""
        self._oldest = oldest
        if since is None:
            spared_s = SPARED * took_s if took_s > LONG_S else 0.0
            self._all_again_at = time.monotonic() + spared_s
