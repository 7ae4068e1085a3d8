"""Waiting for a contestant's jobs to end, and what must be true of them then."""

import asyncio
from collections.abc import Sequence

import asyncpg

from app.catalog.content import InsightContent
from app.credits.invariants import check_invariants
from app.crypto import KeyRing
from app.jobs.results import insight_place
from app.settings import parse_master_key
from benchmarks.contestant import Contestant, Job, Load
from benchmarks.model import draft_of
from benchmarks.services import product_engine
from tests.support.environment import MASTER_KEY

DEADLINE_S = 60.0
POLL_S = 0.05


async def run_to_the_end(
    contestant: Contestant,
    connection: asyncpg.Connection,
    jobs: Sequence[Job],
    *,
    database_url: str,
    redis_url: str,
    load: Load,
) -> None:
    """Starts the contestant, gives it the jobs, stops it when all have ended."""
    try:
        await asyncio.to_thread(
            contestant.start,
            database_url=database_url,
            redis_url=redis_url,
            master_key=MASTER_KEY,
            load=load,
        )
        assert contestant.pids()
        await asyncio.to_thread(contestant.enqueue, jobs)
        async with asyncio.timeout(DEADLINE_S):
            while await connection.fetchval(_LEFT):  # noqa: ASYNC110 (other processes end them)
                await asyncio.sleep(POLL_S)
    finally:
        await asyncio.to_thread(contestant.stop)


async def assert_charged_once(
    connection: asyncpg.Connection, jobs: Sequence[Job], database_url: str
) -> None:
    """Every job succeeded and was charged once, its insights can be read, no invariant broke."""
    states = await connection.fetch("SELECT state, attempt, version FROM jobs")
    assert [tuple(row) for row in states] == [("succeeded", 1, 9)] * len(jobs)
    entries = await connection.fetch(
        "SELECT kind, count(*) AS entries FROM entries GROUP BY kind ORDER BY kind"
    )
    assert {row["kind"]: row["entries"] for row in entries} == dict.fromkeys(
        ("grant", "reserve", "capture"), len(jobs)
    )
    await _assert_readable(connection, len(jobs))
    async with product_engine(database_url):
        assert [found for found in await check_invariants() if found.violations] == []


async def _assert_readable(connection: asyncpg.Connection, jobs: int) -> None:
    ring = KeyRing([parse_master_key(MASTER_KEY)])
    rows = await connection.fetch(_INSIGHTS)
    assert len(rows) == 6 * jobs
    for row in rows:
        key = ring.unwrap(row["key_id"], row["sealed_key"], row["user_id"], row["chat_id"])
        place = insight_place(row["user_id"], row["job_id"], row["key"], row["prompt_version"])
        content = InsightContent.model_validate_json(key.open(row["sealed"], *place))
        assert content == draft_of(row["key"]).content


_LEFT = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"

_INSIGHTS = """
    SELECT n.user_id, n.job_id, n.key, n.sealed, j.chat_id, j.prompt_version,
           c.key_id, c.sealed_key
    FROM insights n JOIN jobs j ON j.user_id = n.user_id AND j.id = n.job_id
    JOIN chats c ON c.user_id = j.user_id AND c.id = j.chat_id
    WHERE n.state = 'completed'
"""
