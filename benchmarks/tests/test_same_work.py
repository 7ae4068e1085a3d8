"""Every contestant leaves behind what the product leaves, row by row, from the same contexts.

What may differ is named: ids and keys, which are drawn by lot, the moments (that they are there
must agree), and how long a call took.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.catalog.content import InsightContent
from app.crypto import KeyRing
from app.jobs.results import insight_binding
from app.settings import parse_master_key
from benchmarks.ceiling import FORMS, Ceiling
from benchmarks.contestant import Contestant, Load
from benchmarks.model import SIGNATURE
from benchmarks.peers import LIBRARIES, Peer
from benchmarks.product import Product
from benchmarks.seed import Work, release_jobs, seed_work
from benchmarks.services import Services, violations
from benchmarks.sync_design import SyncDesign
from benchmarks.tests.ending import run_to_the_end
from tests.support.environment import MASTER_KEY

WORK = Work(sizes=(60, 400, 1_200))
"""One that is given whole, and two in which passages must be found. A job a user: the entries of
two would stand in the order in which they ended."""
JOBS = 3
TABLES = ("jobs", "insights", "reservations", "entries", "accounts", "chats", "chat_blocks")
DRAWN = frozenset({"content_hmac", "sealed_key", "sealed_meta", "duration_ms"})
LOAD = Load(llm_s=0, llm_spread_s=0, seed=1, is_signed=True)

OTHERS: Sequence[Contestant] = (
    SyncDesign(pool="prefork", concurrency=2, bridge=True),
    SyncDesign(pool="prefork", concurrency=2, bridge=False),
    SyncDesign(pool="threads", concurrency=4, bridge=False, kept=True),
    SyncDesign(pool="gevent", concurrency=4, bridge=False, kept=True, prefetch=8),
    SyncDesign(pool="prefork", concurrency=2, bridge=False, kept=True, one_task=True),
    SyncDesign(pool="threads", concurrency=4, bridge=False, kept=True, one_task=True),
    *(Ceiling(form, connections=4) for form in FORMS),
    *map(Peer, LIBRARIES),
    Peer("saq", form="batched"),
)

Effects = Mapping[str, list[dict[str, Any]]]
_of_product: list[Effects] = []


@pytest.fixture
async def of_product(other_database_url: str, redis_url: str, tmp_path: Path) -> Effects:
    """What the product leaves; run once a test process."""
    if not _of_product:
        product = Product(
            Services(tmp_path, "", redis_url, MASTER_KEY, postgres_pid=0, valkey_pid=0), tasks=4
        )
        _of_product.append(await _effects_of(product, other_database_url, redis_url))
    return _of_product[0]


@pytest.mark.parametrize("contestant", OTHERS, ids=lambda one: one.name)
async def test_a_contestant_leaves_what_the_product_leaves(
    contestant: Contestant, database_url: str, redis_url: str, of_product: Effects
):
    effects = await _effects_of(contestant, database_url, redis_url)

    for table in TABLES:
        assert _differences(effects[table], of_product[table]) == [], table


def _differences(
    rows: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Each value of a row that is another one, by the row's place; nothing for equal tables."""
    if len(rows) != len(expected):
        return [f"{len(rows)} rows in place of {len(expected)}"]
    return [
        f"row {place}: {name} is {row.get(name)!r} in place of {other.get(name)!r}"
        for place, (row, other) in enumerate(zip(rows, expected, strict=True))
        for name in {*row, *other}
        if row.get(name) != other.get(name)
    ]


def test_what_is_compared_says_something(of_product: Effects):
    """Every job ended, each written from a context of its own."""
    assert {table: len(rows) for table, rows in of_product.items()} == {
        "jobs": JOBS,
        "insights": 6 * JOBS,
        "reservations": JOBS,
        "entries": 3 * JOBS,
        "accounts": JOBS,
        "chats": JOBS,
        "chat_blocks": 1 + 1 + 3,
    }
    assert {row["state"] for row in of_product["jobs"]} == {"succeeded"}
    signatures = {row["sealed"]["metrics"][SIGNATURE] for row in of_product["insights"]}
    assert len(signatures) == JOBS, "one context a chat"


async def _effects_of(contestant: Contestant, database_url: str, redis_url: str) -> Effects:
    connection = await asyncpg.connect(database_url)
    try:
        jobs = await seed_work(connection, MASTER_KEY, WORK, jobs=JOBS)
        await release_jobs(connection, jobs)
        await run_to_the_end(
            contestant,
            connection,
            jobs,
            database_url=database_url,
            redis_url=redis_url,
            load=LOAD,
        )
        assert await violations(database_url) == 0
        return await _effects(connection)
    finally:
        await connection.close()


async def _effects(connection: asyncpg.Connection) -> Effects:
    """All rows, without what is drawn by lot, in an order that does not follow from it."""
    categories = {
        row["id"]: row["category"] for row in await connection.fetch("SELECT * FROM jobs")
    }
    keys = await _keys(connection)
    effects: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        rows = await connection.fetch(f"SELECT * FROM {table}")
        seen = [_seen(table, row, categories, keys) for row in rows]
        effects[table] = sorted(seen, key=repr)
    return effects


def _seen(
    table: str, row: asyncpg.Record, categories: Mapping[UUID, str], keys: Mapping[UUID, Any]
) -> dict[str, Any]:
    job = row.get("job_id") or row.get("reservation_id") or row.get("id")
    seen: dict[str, Any] = {"of": categories.get(job)} if table != "chats" else {}
    for name, value in row.items():
        if name in DRAWN or isinstance(value, UUID) or (name, table) == ("sealed", "chat_blocks"):
            continue
        if name == "sealed" and value is not None:
            key, version = keys[job]
            place = insight_binding(row["user_id"], job, row["key"], version)
            content = InsightContent.model_validate_json(key.open(value, *place))
            seen[name] = content.model_dump()
        elif name == "op_key":
            seen[name] = value.partition(":")[0]  # Of the id that follows, a job's.
        else:
            seen[name] = value is not None if isinstance(value, datetime) else value
    return seen


async def _keys(connection: asyncpg.Connection) -> Mapping[UUID, Any]:
    """The key of each job's chat, and the version of its prompts."""
    ring = KeyRing([parse_master_key(MASTER_KEY)])
    return {
        row["id"]: (
            ring.unwrap(row["key_id"], row["sealed_key"], row["user_id"], row["chat_id"]),
            row["prompt_version"],
        )
        for row in await connection.fetch(_CHATS_OF_JOBS)
    }


_CHATS_OF_JOBS = """
    SELECT j.id, j.user_id, j.chat_id, j.prompt_version, k.key_id, k.sealed_key
    FROM jobs j JOIN chats c ON c.user_id = j.user_id AND c.id = j.chat_id
    JOIN chat_keys k ON k.user_id = c.user_id AND k.chat_id = c.id
"""
