"""Why a server cannot be reached: said once, in one line, and again when that changes."""

import time

import structlog

REASON_CHARS_MAX = 300
STEADY_S = 5.0
"""A server that answers some and refuses others is not told of as reachable in between."""

log = structlog.get_logger()


class Reachability:
    """Of one server, as this process finds it; `lost` and `found` are cheap and never raise."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._reason: str | None = None
        self._lost_at = 0.0

    @property
    def reason(self) -> str | None:
        """Why it cannot be reached; None while it can."""
        return self._reason

    def lost(self, error: BaseException) -> None:
        """A use of the server failed."""
        self._lost_at = time.monotonic()
        reason = one_line(error)
        if reason != self._reason:
            self._reason = reason
            log.warning(f"{self._name}.unreachable", reason=reason)

    def found(self) -> None:
        """A use of the server went through."""
        if self._reason is not None and time.monotonic() - self._lost_at > STEADY_S:
            self._reason = None
            log.warning(f"{self._name}.reachable_again")


def one_line(error: BaseException) -> str:
    """What an error of a driver says, on one line and bounded."""
    told = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else "")
    return " ".join(told.split())[:REASON_CHARS_MAX] or type(error).__name__


database = Reachability("database")
redis = Reachability("redis")
