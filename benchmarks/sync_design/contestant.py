"""The sync design as a contestant: one `celery worker` and one `celery beat`."""

import os
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL, SIGQUIT, SIGTERM
from typing import Literal
from uuid import uuid4

from celery import Celery

from app.local.embedded.processes import Process, log_tail, start_mark, wait_until
from benchmarks import machine
from benchmarks.contestant import Job, Load
from benchmarks.sync_design.config import ASYNC_JOB, ORCHESTRATE, WHOLE_JOB, make_app
from benchmarks.sync_design.setup import Setup

ROOT = Path(__file__).resolve().parents[2]
MODULE = "benchmarks.sync_design.worker"
START_TIMEOUT_S = 60.0
PING_TIMEOUT_S = 0.5
WARM_STOP_S = 10.0
COLD_STOP_S = 5.0

Pool = Literal["prefork", "threads", "gevent", "custom"]
AIO_POOL = "celery_aio_pool.pool:AsyncIOPool"
"""What `--pool custom` runs here: celery-aio-pool, where it is installed."""


class SyncDesign:
    """One worker with `concurrency` processes, threads or greenlets.

    `bridge`: it charges by `asyncio.run()` on the async CreditService, as the old code did, and
    not on the task's own connection. `prefetch` messages are fetched ahead for each of them.
    `kept`: connections are kept in a pool. `one_task`: a job is one task that makes its six calls
    in threads, in place of a chord.
    """

    def __init__(
        self,
        *,
        pool: Pool = "prefork",
        concurrency: int = 1,
        bridge: bool,
        prefetch: int = 1,
        kept: bool = False,
        one_task: bool = False,
        log_level: str = "WARNING",
    ) -> None:
        self.name = (
            f"sync, {pool} {concurrency}".replace("custom", "celery-aio-pool")
            + (f", prefetch {prefetch}" if prefetch > 1 else "")
            + (", kept connections" if kept else "")
            + (", one task a job" if one_task else "")
            + (", bridge" if bridge else "")
        )
        self._kept_connections = concurrency_of_a_process(pool, concurrency) if kept else 0
        self._task = ASYNC_JOB if pool == "custom" else WHOLE_JOB if one_task else ORCHESTRATE
        self._prefetch = prefetch
        self._log_level = log_level
        self._pool = pool
        self._concurrency = concurrency
        self._bridge = bridge
        self._app: Celery | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._worker: Process | None = None
        self._beat: Process | None = None

    def start(self, *, database_url: str, redis_url: str, master_key: str, load: Load) -> None:
        # A queue of its own: what a run that was stopped left over starts in no later one.
        queue = f"sync-{uuid4().hex[:8]}"
        setup = Setup(
            *(database_url, redis_url, master_key, queue, self._bridge),
            kept_connections=self._kept_connections,
            load=load,
        )
        self._app = make_app(redis_url, queue)
        self._folder = tempfile.TemporaryDirectory(prefix="sync-design-")
        environment = dict(os.environ) | setup.to_environment()
        environment["CELERY_CUSTOM_WORKER_POOL"] = AIO_POOL
        self._worker = self._spawn("worker", self._worker_options(queue), environment)
        schedule = str(Path(self._folder.name) / "schedule")
        self._beat = self._spawn("beat", ("--schedule", schedule, "--pidfile="), environment)
        if not wait_until(lambda: self._answers(queue), START_TIMEOUT_S):
            raise RuntimeError(f"the celery worker does not start:\n{log_tail(self.log)}")

    def enqueue(self, jobs: Sequence[Job]) -> None:
        assert self._app is not None, "start it first"
        with self._app.producer_or_acquire() as producer:
            for user_id, job_id in jobs:
                self._app.send_task(self._task, (user_id, str(job_id)), producer=producer)

    def pids(self) -> list[int]:
        """The worker's processes; beat, which does no job, is none of them."""
        return machine.family(self._worker.pid) if self._worker is not None else []

    def stop(self) -> None:
        left = {pid: start_mark(pid) for pid in self.pids()}
        if self._beat is not None:
            self._beat.send(SIGTERM)  # It ends while the worker does.
        if self._worker is not None:
            self._worker.stop((SIGTERM, WARM_STOP_S), (SIGQUIT, COLD_STOP_S))
        if self._beat is not None:
            self._beat.stop((SIGTERM, COLD_STOP_S))
        for pid, mark in left.items():  # Children that outlive a master that was killed.
            if mark is not None and start_mark(pid) == mark:
                with suppress(ProcessLookupError):
                    os.kill(pid, SIGKILL)
        if self._app is not None:
            self._app.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._worker = self._beat = self._app = self._folder = None

    @property
    def log(self) -> Path:
        """What the worker says: warnings, and the errors of tasks."""
        assert self._folder is not None, "start it first"
        return Path(self._folder.name) / "worker.log"

    def _spawn(self, command: str, options: Sequence[str], environment: dict[str, str]) -> Process:
        assert self._folder is not None
        argv = (sys.executable, "-m", "celery", "--app", MODULE, command)
        log = Path(self._folder.name) / f"{command}.log"
        options = ("--loglevel", self._log_level, *options)
        return Process.spawn((*argv, *options), log=log, cwd=ROOT, env=environment)

    def _worker_options(self, queue: str) -> Sequence[str]:
        return (
            *("--pool", self._pool, "--concurrency", str(self._concurrency)),
            *("--prefetch-multiplier", str(self._prefetch)),
            *("--hostname", f"{queue}@localhost"),
            # One worker has nobody to gossip with; this only makes its start quicker.
            *("--without-gossip", "--without-mingle"),
        )

    def _answers(self, queue: str) -> bool:
        assert self._worker is not None
        assert self._app is not None
        if not self._worker.is_alive():
            raise RuntimeError(f"the celery worker ended:\n{log_tail(self.log)}")
        host = f"{queue}@localhost"
        return bool(self._app.control.ping(destination=[host], timeout=PING_TIMEOUT_S))


def concurrency_of_a_process(pool: Pool, concurrency: int) -> int:
    """How many tasks one worker process runs at once."""
    return 1 if pool == "prefork" else concurrency
