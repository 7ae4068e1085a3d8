"""Where a campaign happens: a copy of the tree, its own PostgreSQL and Valkey, one environment."""

import base64
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.local.embedded import Postgres, Valkey, start_postgres, start_valkey
from tests.chaos import plan
from tests.chaos.fleet import MARK
from tests.chaos.journal import FOLDER

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("app", "workers", "migrations", "tests/chaos")
MIGRATE_TIMEOUT_S = 60


@dataclass(frozen=True)
class Place:
    """Processes run on the copy, so that editing the tree meanwhile changes nothing."""

    folder: Path
    tree: Path
    journals: Path
    logs: Path
    postgres: Postgres
    valkey: Valkey
    secret: str
    mark: str

    def environment(
        self, *, database_url: str, redis_url: str, provider_url: str, rescue_s: float
    ) -> dict[str, str]:
        """What the product's processes see: the proxy for a database, short times."""
        return self._inherited() | {
            MARK: self.mark,
            FOLDER: str(self.journals),
            "CHAOS_PROVIDER_URL": provider_url,
            "PYTHONPATH": os.pathsep.join((str(self.tree), str(self.tree / "tests/chaos/skew"))),
            "SIXFOLD_DATABASE_URL": database_url,
            "SIXFOLD_REDIS_URL": redis_url,
            "SIXFOLD_MASTER_KEY": "chaos:" + base64.urlsafe_b64encode(bytes(32)).decode(),
            "SIXFOLD_AUTH_SECRET": self.secret,
            "SIXFOLD_LEASE_S": str(plan.LEASE_S),
            "SIXFOLD_HEARTBEAT_S": str(plan.HEARTBEAT_S),
            "SIXFOLD_RESCUE_S": str(rescue_s),
            "SIXFOLD_ATTEMPT_S": str(plan.ATTEMPT_S),
            "SIXFOLD_EXPIRES_S": str(plan.EXPIRES_S),
            "SIXFOLD_REQUESTS_PER_MINUTE": "100000",
            "SIXFOLD_DAILY_JOBS_MAX": "100000",
            "SIXFOLD_LOG_LEVEL": "WARNING",
        }

    def migrate(self) -> None:
        subprocess.run(
            [sys.executable, "-m", "app.cli", "migrate"],
            cwd=self.tree,
            env=self._inherited()
            | {"PYTHONPATH": str(self.tree), "SIXFOLD_DATABASE_URL": self.postgres.url},
            check=True,
            timeout=MIGRATE_TIMEOUT_S,
            stdout=subprocess.DEVNULL,
        )

    @staticmethod
    def _inherited() -> dict[str, str]:
        return {key: value for key, value in os.environ.items() if not key.startswith("SIXFOLD_")}


@contextmanager
def make_place(*, source: Path = ROOT, keep: bool = False) -> Iterator[Place]:
    """A place on a copy of `source`; services end and files go when the block is left."""
    folder = Path(tempfile.mkdtemp(prefix="sixfold-chaos-"))
    folder.chmod(0o711)  # Under root PostgreSQL runs as another user, who must pass.
    with ExitStack() as stack:
        if not keep:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        tree, journals, logs = folder / "tree", folder / "journals", folder / "logs"
        copy_tree(source, tree)
        for made in (journals, logs):
            made.mkdir()
        postgres = start_postgres(folder / "instance")
        stack.callback(postgres.stop)
        valkey = start_valkey(folder / "instance")
        stack.callback(valkey.stop)
        secret, mark = secrets.token_urlsafe(48), secrets.token_hex(8)
        yield Place(folder, tree, journals, logs, postgres, valkey, secret, mark)


def copy_tree(source: Path, target: Path) -> None:
    """What the product's processes need of the repository."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        shutil.copytree(source / name, target / name, ignore=ignored)
    shutil.copy2(source / "alembic.ini", target)
    (target / "tests" / "__init__.py").touch()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
