"""What Celery does with an `async def` task: it calls the function and never awaits the coroutine.

    python -m benchmarks.async_task_demo

The body never runs. What is reported depends on where the result goes: without a result backend,
or with `ignore_result`, the task has *succeeded*; the JSON backend cannot store a coroutine, so
there it has failed, with an EncodeError that says nothing of `async`. A `.apply()` returns the
coroutine itself.
"""

import os
import sys
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import iscoroutine
from pathlib import Path
from signal import SIGTERM

import redis
from celery import Celery
from celery.exceptions import CeleryError
from celery.result import AsyncResult
from kombu.exceptions import EncodeError

from app.local.embedded import start_valkey
from app.local.embedded.processes import Process, log_tail, wait_until

VARIABLE = "ASYNC_TASK_DEMO_REDIS_URL"
ROOT = Path(__file__).resolve().parent.parent
MODULE = "benchmarks.async_task_demo"
TIMEOUT_S = 30.0
DONE = "demo:done"
RAN = "demo:ran"

app = Celery("demo", broker=os.environ.get(VARIABLE), backend=os.environ.get(VARIABLE))
app.conf.update(
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    task_default_queue="async-task-demo",
    task_store_errors_even_if_ignored=False,
)


@app.task(name="charge")
async def charge(coins: int) -> int:
    """Would note that it ran, if it ever did."""
    redis.Redis.from_url(os.environ[VARIABLE]).incr(RAN)
    return coins


@app.task(name="charge_unseen", ignore_result=True)
async def charge_unseen(coins: int) -> int:
    """The same, its result not stored."""
    redis.Redis.from_url(os.environ[VARIABLE]).incr(RAN)
    return coins


@app.task(name="note_the_end", ignore_result=True)
def note_the_end() -> None:
    """A plain task: once it ran, the worker has been through the others."""
    redis.Redis.from_url(os.environ[VARIABLE]).set(DONE, 1)


@dataclass(frozen=True, slots=True)
class Observed:
    """What became of the async tasks in a real worker."""

    bodies_run: int
    stored_state: str
    stored_error: str
    unseen_log: str
    """What the worker logged of the task whose result is not stored."""
    never_awaited: bool
    applied: str


def observe(redis_url: str) -> Observed:
    """Sends both tasks to a worker of one process, and waits until it has been through them."""
    with tempfile.TemporaryDirectory(prefix="async-task-demo-") as folder:
        log = Path(folder) / "worker.log"
        with _worker(redis_url, log), redis.Redis.from_url(redis_url) as client:
            stored = charge.delay(50)
            charge_unseen.delay(50)
            note_the_end.delay()
            if not wait_until(lambda: bool(client.exists(DONE)), TIMEOUT_S):
                raise RuntimeError(f"the worker does not work:\n{log_tail(log)}")
            error = _error_of(stored)
            state = stored.state
            bodies_run = int(client.get(RAN) or 0)
            applied = _apply()
        lines = log.read_text().splitlines()
    return Observed(
        bodies_run=bodies_run,
        stored_state=state,
        stored_error=error,
        unseen_log=next(line for line in lines if "charge_unseen[" in line and "] succ" in line),
        never_awaited=any("'charge_unseen' was never awaited" in line for line in lines),
        applied=applied,
    )


@contextmanager
def _worker(redis_url: str, log: Path) -> Generator[None]:
    os.environ[VARIABLE] = redis_url
    app.conf.update(broker_url=redis_url, result_backend=redis_url)
    options = ("--pool", "prefork", "--concurrency", "1", "--loglevel", "INFO")
    argv = (sys.executable, "-m", "celery", "--app", MODULE, "worker", *options)
    environment = dict(os.environ) | {"PYTHONWARNINGS": "default"}
    process = Process.spawn(argv, log=log, cwd=ROOT, env=environment)
    try:
        yield
    finally:
        process.stop((SIGTERM, TIMEOUT_S))
        app.close()
        del os.environ[VARIABLE]


def _error_of(result: AsyncResult) -> str:
    try:
        return f"returned {result.get(timeout=TIMEOUT_S)!r}"
    except (CeleryError, EncodeError) as error:
        return f"{type(error).__name__}: {error}"


def _apply() -> str:
    """What `.apply()` answers, here in this process; the coroutine is closed unrun."""
    returned = charge_unseen.apply((50,)).result
    if not iscoroutine(returned):
        return type(returned).__name__
    returned.close()
    return "coroutine"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="async-task-demo-") as folder:
        Path(folder).chmod(0o755)
        valkey = start_valkey(Path(folder) / "instance")
        try:
            observed = observe(valkey.url)
        finally:
            valkey.stop()
    print(f"bodies run:           {observed.bodies_run} of 2")
    print(f"result stored (JSON): {observed.stored_state}, {observed.stored_error}")
    print(f"result not stored:    {observed.unseen_log}")
    print(f"never awaited:        {observed.never_awaited}")
    print(f".apply() answers:     a {observed.applied}")


if __name__ == "__main__":
    warnings.simplefilter("default")
    main()
