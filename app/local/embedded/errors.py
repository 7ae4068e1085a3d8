"""Why an embedded service cannot be had."""

USE_YOUR_OWN = (
    "Set SIXFOLD_DATABASE_URL (PostgreSQL 15 or newer) and SIXFOLD_REDIS_URL"
    " (Redis 6.2 or newer, or Valkey) to use servers of your own instead."
)


class EmbeddedUnavailable(RuntimeError):
    """This machine has no embedded PostgreSQL or Valkey; the message says what to set instead."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"{reason} {USE_YOUR_OWN}")


class EmbeddedFailed(RuntimeError):
    """A service is installed and did not start; the message has the end of its log."""


class DataDirInUse(RuntimeError):
    """Another process holds the lock of the data folder."""
