"""PostgreSQL and Valkey from wheels, for a machine that has neither: `sixfold up` and the tests."""

from pathlib import Path

from app.local.embedded.data_dir import LOG_DIR, lock_data_dir
from app.local.embedded.errors import DataDirInUse, EmbeddedFailed, EmbeddedUnavailable
from app.local.embedded.postgres import Postgres
from app.local.embedded.secrets import Secrets, load_or_create_secrets
from app.local.embedded.valkey import Valkey

__all__ = [
    "LOG_DIR",
    "DataDirInUse",
    "EmbeddedFailed",
    "EmbeddedUnavailable",
    "Postgres",
    "Secrets",
    "Valkey",
    "load_or_create_secrets",
    "lock_data_dir",
    "start_postgres",
    "start_valkey",
]


def start_postgres(data_dir: Path, *, port: int | None = None) -> Postgres:
    """The PostgreSQL of this data folder, ready, with the database `sixfold`.

    A server that still runs there is taken over. EmbeddedUnavailable where there is none for
    this platform, EmbeddedFailed when it does not start.
    """
    return Postgres.start(data_dir, port=port)


def start_valkey(data_dir: Path, *, port: int | None = None) -> Valkey:
    """The Valkey of this data folder, ready and, unless it was still running, empty."""
    return Valkey.start(data_dir, port=port)
