"""Looks for due jobs stay short where dead versions of rows cannot go."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.crypto import KeyRing
from app.db import read_rows
from app.errors import TooSlow
from app.jobs import horizon as horizons
from app.jobs import rescue
from app.jobs.horizon import SLACK, SPARED, Horizon
from app.jobs.rescue import UNSEEN, end_abandoned_jobs, find_due_jobs
from tests.support.jobs import execute, store_chat, unlock

AT = datetime(2026, 1, 1, tzinfo=UTC)
QUEUED = """
    UPDATE jobs SET created_at = clock_timestamp() - make_interval(mins => {minutes}),
                    next_run_at = clock_timestamp() - make_interval(mins => {minutes})
    WHERE id = '{job_id}'
"""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_after_a_short_look_the_next_one_is_through_everything(clock: list[float]) -> None:
    horizon = Horizon()
    assert horizon.since() is None
    horizon.note(AT, since=None, took_s=0.01)
    assert horizon.since() is None


def test_a_long_look_is_repeated_after_a_multiple_of_its_time(clock: list[float]) -> None:
    horizon = Horizon()
    horizon.note(AT, since=None, took_s=2.0)
    assert horizon.since() == AT - SLACK
    horizon.note(AT + timedelta(seconds=9), since=AT, took_s=0.3)
    assert horizon.since() == AT + timedelta(seconds=9) - SLACK
    clock[0] += 2.0 * SPARED
    assert horizon.since() is None


async def queued(keyring: KeyRing, user: str, *, minutes: int) -> UUID:
    """A job that has waited so long."""
    job_id = (await unlock(user, await store_chat(keyring, user))).job_id
    await execute(QUEUED.format(minutes=minutes, job_id=job_id))
    return job_id


async def found(horizon: Horizon, *, limit: int = 9) -> list[str]:
    return [user for user, _ in await find_due_jobs(limit, expires_s=3600, horizon=horizon)]


async def test_a_look_from_the_horizon_on_finds_all_that_waits_and_what_comes(
    engine: None, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizons, "LONG_S", 0.0)  # Every look is a long one.
    monkeypatch.setattr(horizons, "SPARED", 1_000_000)
    horizon = Horizon()
    await queued(keyring, "old", minutes=9)
    await queued(keyring, "newer", minutes=5)
    assert await found(horizon, limit=1) == ["old"]
    since = horizon.since()
    assert since is not None
    await queued(keyring, "newest", minutes=1)
    assert await found(horizon) == ["old", "newer", "newest"]

    await execute(
        "UPDATE jobs SET state = 'running', next_run_at = NULL,"
        " lease_until = clock_timestamp() + interval '9 s' WHERE user_id = 'old'"
    )
    assert await found(horizon) == ["newer", "newest"]
    moved = horizon.since()
    assert moved is not None
    assert moved > since

    await queued(keyring, "before", minutes=30)  # No clock goes so: the look through all finds it.
    assert await found(horizon) == ["newer", "newest"]
    monkeypatch.setattr(horizon, "_all_again_at", 0.0)
    assert await found(horizon) == ["before", "newer", "newest"]


async def test_a_full_queue_hides_no_lease_that_ended_before(
    engine: None, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizons, "LONG_S", 0.0)
    monkeypatch.setattr(horizons, "SPARED", 1_000_000)
    await queued(keyring, "left", minutes=20)
    await execute(
        "UPDATE jobs SET state = 'running', attempt = 1, fence = 1, next_run_at = NULL,"
        " lease_until = clock_timestamp() - interval '20 min'"
    )
    await queued(keyring, "waiting", minutes=1)
    horizon = Horizon()
    assert await found(horizon, limit=1) == ["waiting"]
    assert await found(horizon) == ["waiting", "left"]


async def test_leases_that_end_are_found_from_the_horizon_on(
    engine: None, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizons, "LONG_S", 0.0)
    monkeypatch.setattr(horizons, "SPARED", 1_000_000)
    due, abandoned = Horizon(), Horizon()
    assert await found(due) == []
    assert await end_abandoned_jobs(abandoned) == 0
    assert None not in (due.since(), abandoned.since())
    for user, attempt in (("alice", 1), ("bob", 3)):
        job_id = await queued(keyring, user, minutes=1)
        await execute(
            f"UPDATE jobs SET state = 'running', attempt = {attempt}, fence = 1,"
            f" next_run_at = NULL, lease_until = clock_timestamp() WHERE id = '{job_id}'"
        )
    assert await found(due) == ["alice"]
    assert await end_abandoned_jobs(abandoned) == 1


async def test_where_a_look_through_everything_takes_too_long_what_is_recent_is_found(
    engine: None, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    async def too_slow(statement, values):
        tries.append(values)
        if statement is not rescue._NOW and not values:
            raise TooSlow
        return await read_rows(statement, values)

    monkeypatch.setattr(rescue, "read_rows", too_slow)
    monkeypatch.setattr(horizons, "LONG_S", 0.0)
    monkeypatch.setattr(horizons, "SPARED", 1_000_000)
    await queued(keyring, "long ago", minutes=9)
    await queued(keyring, "recent", minutes=1)
    horizon = Horizon()
    assert await found(horizon) == ["recent"]
    assert len(tries) == 3
    assert await found(horizon) == ["recent"]
    assert len(tries) == 4
    assert timedelta(minutes=1) < UNSEEN
