"""What the database saw: triggers of the campaign write down every change of a job.

Nothing of the product knows of them. Times are those of the database's clock, brought to
`time.monotonic()` of this machine by `Clock`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from sqlalchemy import text

from app.db import snapshot

TRIGGERS = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.job_log (
    n bigserial PRIMARY KEY, user_id text, id uuid, was text, state text,
    fence bigint, attempt int, at timestamptz DEFAULT clock_timestamp()
);
CREATE TABLE chaos.result_log (
    user_id text, job_id uuid, ord int, at timestamptz DEFAULT clock_timestamp()
);
CREATE FUNCTION chaos.note_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.job_log (user_id, id, was, state, fence, attempt)
    VALUES (NEW.user_id, NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.state END,
            NEW.state, NEW.fence, NEW.attempt);
    RETURN NULL;
END $$;
CREATE FUNCTION chaos.note_result() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO chaos.result_log (user_id, job_id, ord) VALUES (NEW.user_id, NEW.job_id, NEW.ord);
    RETURN NULL;
END $$;
CREATE TABLE chaos.refusal (until timestamptz);
INSERT INTO chaos.refusal VALUES ('-infinity');
CREATE FUNCTION chaos.refuse_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT until FROM chaos.refusal) > clock_timestamp() THEN
        RAISE EXCEPTION 'a charge is refused';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER chaos_refusal BEFORE INSERT ON entries FOR EACH ROW
    WHEN (NEW.kind = 'capture') EXECUTE FUNCTION chaos.refuse_charge();
CREATE TRIGGER chaos_new AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION chaos.note_job();
CREATE TRIGGER chaos_change AFTER UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.fence <> NEW.fence) EXECUTE FUNCTION chaos.note_job();
CREATE TRIGGER chaos_result AFTER UPDATE ON insights FOR EACH ROW
    WHEN (NEW.state IN ('completed', 'empty') AND OLD.state NOT IN ('completed', 'empty'))
    EXECUTE FUNCTION chaos.note_result();
"""


@dataclass(frozen=True, slots=True)
class Change:
    """A job changed its state or its fence; `was` is None when it was queued first."""

    was: str | None
    state: str
    fence: int
    at: float


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    user: str
    chat: str
    category: str
    state: str
    price: int
    charge: int
    """What it costs if it succeeds: a sixth of the price for each completed insight."""
    created_at: float
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Entry:
    user: str
    seq: int
    kind: str
    op_key: str
    amount: int
    available: int
    held: int
    at: float


@dataclass(frozen=True, slots=True)
class Clock:
    """`time.monotonic()` of a moment of the database's clock, give or take `error_s`."""

    offset_s: float
    error_s: float

    def at(self, moment: datetime) -> float:
        return moment.timestamp() - self.offset_s

    def of(self, moment: datetime | None) -> float | None:
        return None if moment is None else self.at(moment)


@dataclass(frozen=True)
class Evidence:
    """The whole database as it was when every job had ended."""

    clock: Clock
    jobs: dict[str, Job]
    changes: dict[str, list[Change]]
    results: dict[tuple[str, int], float]
    """When an insight was completed or found empty, by job and ordinal."""
    entries: dict[str, list[Entry]]
    """Of each user, by seq."""
    chats: frozenset[str]
    unshredded: int
    """Insights with content whose chat is gone."""


async def prepare_database(url: str, statements: Sequence[str]) -> None:
    """Places the triggers, and runs `statements` one by one."""
    connection = await asyncpg.connect(url)
    try:
        for statement in (TRIGGERS, *statements):
            await connection.execute(statement)
    finally:
        await connection.close()


async def refuse_charges(url: str, seconds: float) -> None:
    """For so long the database refuses every charge."""
    connection = await asyncpg.connect(url, timeout=2)
    try:
        await connection.execute(_REFUSE, timedelta(seconds=seconds))
    finally:
        await connection.close()


async def shift_times(url: str, *, count: int, draw: float) -> int:
    """What at most `count` jobs wait for lies three hours ahead; how many there were.

    That is what they look like when the database's clock was set back by three hours.
    """
    connection = await asyncpg.connect(url, timeout=2)
    try:
        return len(await connection.fetch(_SHIFT_TIMES, count, f"{draw}"))
    finally:
        await connection.close()


async def count_deadlocks() -> int:
    """Deadlocks that PostgreSQL has resolved since it was started; the engine must be open."""
    async with snapshot() as connection:
        counted: int = (await connection.execute(_DEADLOCKS)).scalar_one()
        return counted


async def count_active(url: str) -> list[dict[str, Any]]:
    """The jobs that have not ended."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        rows = await connection.fetch(_ACTIVE)
        return [{key: str(value) for key, value in row.items()} for row in rows]
    finally:
        await connection.close()


async def read_evidence(url: str) -> Evidence:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        clock = await _read_clock(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read_all(connection, clock)
    finally:
        await connection.close()


async def _read_clock(connection: Any) -> Clock:
    best = Clock(0.0, float("inf"))
    for _ in range(20):
        before = time.monotonic()
        told: datetime = await connection.fetchval("SELECT clock_timestamp()")
        error_s = (time.monotonic() - before) / 2
        if error_s < best.error_s:
            best = Clock(told.timestamp() - before - error_s, error_s)
    return best


_JOBS = """
    SELECT j.*, (SELECT count(*) FROM insights n WHERE n.user_id = j.user_id AND n.job_id = j.id
                 AND n.state = 'completed') AS completed
    FROM jobs j
"""


async def _read_all(connection: Any, clock: Clock) -> Evidence:
    jobs = {
        str(row["id"]): Job(
            str(row["id"]),
            row["user_id"],
            str(row["chat_id"]),
            row["category"],
            row["state"],
            row["price_coins"],
            row["price_coins"] * row["completed"] // 6,
            clock.at(row["created_at"]),
            clock.of(row["started_at"]),
            clock.of(row["finished_at"]),
        )
        for row in await connection.fetch(_JOBS)
    }
    changes: dict[str, list[Change]] = {}
    for row in await connection.fetch("SELECT * FROM chaos.job_log ORDER BY n"):
        change = Change(row["was"], row["state"], row["fence"], clock.at(row["at"]))
        changes.setdefault(str(row["id"]), []).append(change)
    results = {
        (str(row["job_id"]), row["ord"]): clock.at(row["at"])
        for row in await connection.fetch("SELECT * FROM chaos.result_log")
    }
    entries: dict[str, list[Entry]] = {}
    for row in await connection.fetch("SELECT * FROM entries ORDER BY user_id, seq"):
        entries.setdefault(row["user_id"], []).append(
            Entry(
                row["user_id"],
                row["seq"],
                row["kind"],
                row["op_key"],
                row["amount"],
                row["available_after"],
                row["held_after"],
                clock.at(row["at"]),
            )
        )
    chats = frozenset(str(row["id"]) for row in await connection.fetch("SELECT id FROM chats"))
    return Evidence(
        clock, jobs, changes, results, entries, chats, await connection.fetchval(_UNSHREDDED)
    )


_REFUSE = "UPDATE chaos.refusal SET until = clock_timestamp() + $1"

_SHIFT_TIMES = """
    WITH struck AS (
        SELECT user_id, id FROM jobs WHERE lease_until IS NOT NULL OR next_run_at IS NOT NULL
        ORDER BY md5(id::text || $2) LIMIT $1
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE jobs j
    SET lease_until = lease_until + interval '3 hours',
        attempt_until = attempt_until + interval '3 hours',
        next_run_at = next_run_at + interval '3 hours'
    FROM struck WHERE j.user_id = struck.user_id AND j.id = struck.id
    RETURNING j.id
"""

_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

_ACTIVE = """
    SELECT j.user_id, j.id, j.state, j.attempt, j.fence, j.lease_until, j.next_run_at,
           j.error_code, r.state AS reservation, r.expires_at, clock_timestamp() AS now
    FROM jobs j LEFT JOIN reservations r USING (user_id, id)
    WHERE j.state IN ('queued', 'running', 'settling')
"""

_UNSHREDDED = """
    SELECT count(*) FROM insights n JOIN jobs j ON j.user_id = n.user_id AND j.id = n.job_id
    WHERE n.sealed IS NOT NULL
      AND NOT EXISTS (SELECT FROM chats c WHERE c.user_id = j.user_id AND c.id = j.chat_id)
"""
