import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app import supervision
from app.redis import end_task
from app.supervision import supervised

DEADLINE_S = 60

Work = Callable[[], Awaitable[None]]


class Failing:
    """Fails as each of `errors` says, then runs until it is ended."""

    def __init__(self, *errors: BaseException) -> None:
        self._errors = list(errors)
        self.is_running = asyncio.Event()

    async def work(self) -> None:
        if self._errors:
            raise self._errors.pop(0)
        self.is_running.set()
        await asyncio.Event().wait()


def failures(name: str) -> float:
    return REGISTRY.get_sample_value("sixfold_task_failures_total", {"task": name}) or 0.0


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "BACKOFF_FIRST_S", 0.001)


async def _until_running(name: str, failing: Failing) -> list[Any]:
    with capture_logs() as logs:
        task = supervised(name, failing.work)
        async with asyncio.timeout(DEADLINE_S):
            await failing.is_running.wait()
        await end_task(task)
    return [entry for entry in logs if entry["event"] == "task.failed"]


async def test_what_fails_is_counted_and_started_again() -> None:
    logged = await _until_running("counted", Failing(KeyError("data"), ValueError(), OSError()))
    assert failures("counted") == 3
    assert [type(entry["exc_info"]) for entry in logged] == [KeyError, ValueError, OSError]


async def test_one_cause_is_logged_once() -> None:
    logged = await _until_running("once", Failing(*(KeyError(n) for n in range(5)), OSError()))
    assert failures("once") == 6
    assert [type(entry["exc_info"]) for entry in logged] == [KeyError, OSError]


async def test_a_cancellation_that_is_not_its_own_does_not_end_it() -> None:
    await _until_running("leaked", Failing(asyncio.CancelledError()))
    assert failures("leaked") == 1


async def test_it_ends_when_it_is_cancelled_also_while_it_waits_to_begin_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supervision, "BACKOFF_FIRST_S", 1_000)
    failed = asyncio.Event()

    async def work() -> None:
        failed.set()
        raise OSError

    task = supervised("ended", work)
    await failed.wait()
    await end_task(task)
    assert task.cancelled()


async def test_what_returns_is_done() -> None:
    async def work() -> None:
        pass

    async with asyncio.timeout(DEADLINE_S):
        await supervised("done", work)
