"""A tiny product for the supervisor's tests: `python -m tests.support.stand_in_product ROLE …`.

`up DATA_DIR PORT [FAULT]` supervises it; the other roles are its processes.
"""

import http.server
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from app.local.children import Child, answers
from app.local.supervisor import run_up

MODULE = (sys.executable, "-m", "tests.support.stand_in_product")


class _Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()


def up(data_dir: str, port: str, fault: str = "") -> int:
    def plan(port: int) -> Sequence[Child]:
        api = (*MODULE, "api", str(port), fault)
        return (
            Child("api", api, lambda: answers(port, "/readyz")),
            Child("worker", (*MODULE, "worker")),
        )

    migrate = (*MODULE, "migrate", fault)
    return run_up(data_dir=Path(data_dir), port=int(port), plan=plan, migrate=migrate)


def api(port: str, fault: str) -> int:
    if fault == "broken":
        raise SystemExit("no such table")
    http.server.HTTPServer(("127.0.0.1", int(port)), _Ready).serve_forever()
    return 0


def worker() -> int:
    """Forks, as taskiq's master does, and notes the pid of the fork."""
    if os.fork() == 0:
        note = Path(os.environ["SIXFOLD_DATA_DIR"], "grandchild")
        note.with_suffix(".new").write_text(str(os.getpid()))
        note.with_suffix(".new").rename(note)
    signal.pause()
    return 0


def migrate(fault: str) -> int:
    if fault == "unmigrated":
        raise SystemExit("bad DDL")
    return 0 if os.environ["SIXFOLD_DATABASE_URL"].startswith("postgresql://") else 1


if __name__ == "__main__":
    role = {"up": up, "api": api, "worker": worker, "migrate": migrate}[sys.argv[1]]
    sys.exit(role(*sys.argv[2:]))
