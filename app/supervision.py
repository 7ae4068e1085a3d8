"""Keeps a process's long tasks going: one that fails is logged, counted and started again."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from app import telemetry

BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
STEADY_S = 30.0
"""What ran this long before it failed has recovered: its next failure is a new one."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Cause = tuple[type[BaseException], str | None, int | None]


def supervised(name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
    """A task that runs `work()` until it returns, and again whenever it raises.

    Between two runs it waits, longer each time, BACKOFF_MAX_S at most. A failure is counted under
    `name`, and logged with its traceback when its cause is another than the time before. To end
    it, cancel it.
    """
    return asyncio.create_task(_keep_running(name, work), name=name)


async def _keep_running(name: str, work: Callable[[], Awaitable[None]]) -> None:
    pause_s, known = BACKOFF_FIRST_S, None
    while True:
        started_at = time.monotonic()
        try:
            await work()
        except (Exception, asyncio.CancelledError) as error:
            if _is_cancelled(error):
                raise
            if time.monotonic() - started_at >= STEADY_S:
                pause_s, known = BACKOFF_FIRST_S, None
            telemetry.task_failures.labels(name).inc()
            if (cause := _cause_of(error)) != known:
                log.error("task.failed", task=name, exc_info=error)
                known = cause
        else:
            return
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, BACKOFF_MAX_S)


def _is_cancelled(error: BaseException) -> bool:
    """Whether this task is to end; a future that a library cancelled raises the same error."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _cause_of(error: BaseException) -> Cause:
    """What is raised, and the line that raised it."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is None:
        return type(error), None, None
    return type(error), frame.tb_frame.f_code.co_filename, frame.tb_lineno
