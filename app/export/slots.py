"""How many archives are written at once: each takes a processor for as long as it lasts."""

from collections.abc import Generator
from contextlib import contextmanager

from app.errors import Busy

EXPORTS_MAX = 2
"""Of one process; one of each user."""


class ExportSlots:
    """The slots of one process."""

    def __init__(self) -> None:
        self._users: set[str] = set()

    @contextmanager
    def slot(self, user_id: str) -> Generator[None]:
        """Held while an archive is written. Raises Busy."""
        if user_id in self._users or len(self._users) >= EXPORTS_MAX:
            raise Busy("An archive is being written already; try again when that is done.")
        self._users.add(user_id)
        try:
            yield
        finally:
            self._users.discard(user_id)
