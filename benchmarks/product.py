"""This design as a contestant: real `taskiq worker` processes of the product."""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from signal import SIGTERM

import redis
from taskiq import TaskiqMessage

from app.local.embedded.processes import Process, log_tail, wait_until
from benchmarks import machine
from benchmarks.contestant import Job, Load
from benchmarks.services import Services
from workers.broker import QUEUE, STREAM_LENGTH_MAX, WakeUpBroker
from workers.process import RUN_JOB_TASK

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
WAKEUPS_AT_ONCE = 1000


class Product:
    """`processes` worker processes with at most `tasks` jobs in flight in each."""

    def __init__(self, services: Services, *, tasks: int, processes: int = 1) -> None:
        self.name = f"sixfold, {tasks:,} in flight" + (
            f" in each of {processes} processes" if processes > 1 else ""
        )
        self.broker = "benchmarks.worker:broker"
        self.variables: dict[str, str] = {}
        self._services = services
        self._tasks = tasks
        self._processes = processes
        self._master: Process | None = None
        self._formatter = WakeUpBroker().formatter
        self._redis: redis.Redis | None = None  # Kept open, as that of an API process is.

    def start(self, *, database_url: str, redis_url: str, master_key: str, load: Load) -> None:
        self._redis = redis.Redis.from_url(redis_url)
        log = self._services.folder / "worker.log"
        with tempfile.TemporaryDirectory(dir=self._services.folder) as ready:
            environment = self._services.environment(
                database_url,
                SIXFOLD_REDIS_URL=redis_url,
                SIXFOLD_MASTER_KEY=master_key,
                BENCH_LOAD=json.dumps(asdict(load)),
                BENCH_READY_DIR=ready,
                **self.variables,
            )
            self._master = self._services.spawn(self._argv(), environment, log=log.name)
            if not wait_until(lambda: self.is_ready(Path(ready)), START_TIMEOUT_S):
                raise RuntimeError(f"the workers do not start:\n{log_tail(log)}")

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """What `wake_worker` sends, for many jobs in few round trips."""
        assert self._redis is not None, "start it first"
        for start in range(0, len(jobs), WAKEUPS_AT_ONCE):
            pipeline = self._redis.pipeline(transaction=False)
            for user_id, job_id in jobs[start : start + WAKEUPS_AT_ONCE]:
                wakeup = TaskiqMessage(
                    task_id=job_id.hex,
                    task_name=RUN_JOB_TASK,
                    labels={},
                    args=[],
                    kwargs={"user_id": user_id, "job_id": str(job_id)},
                )
                fields = {b"data": self._formatter.dumps(wakeup).message}
                pipeline.xadd(QUEUE, fields, maxlen=STREAM_LENGTH_MAX)
            pipeline.execute()

    def pids(self) -> list[int]:
        return machine.family(self._master.pid) if self._master is not None else []

    def stop(self) -> None:
        if self._master is not None:
            self._master.send(SIGTERM)
            if not self._master.wait(STOP_TIMEOUT_S):
                self._master.kill_group()
            self._master = None
        if self._redis is not None:
            self._redis.close()
            self._redis = None

    def _argv(self) -> Sequence[str]:
        return (
            *(sys.executable, "-m", "taskiq", "worker", self.broker),
            *("--workers", str(self._processes), "--max-async-tasks", str(self._tasks)),
            *("--wait-tasks-timeout", "1", "--shutdown-timeout", "5"),
            "--no-configure-logging",
        )

    def is_ready(self, ready: Path) -> bool:
        """Whether all processes listen, or the master has ended."""
        if self._master is None or not self._master.is_alive():
            return True
        return len(list(ready.iterdir())) >= self._processes
