"""What the benchmark seeds is what an upload would have stored."""

import os
from pathlib import Path

import asyncpg
import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.fit import Fit, Measures, fit_of
from benchmarks.seed import SMALL, SMALL_CHAT, encoded_chat, seed_chats, seed_rows
from benchmarks.seeded import SeededDatabases
from benchmarks.services import Services
from tests.support.environment import MASTER_KEY, POSTGRES, TEMPLATE


def test_every_category_is_sold_for_a_small_chat():
    held = encoded_chat(SMALL_CHAT).substance
    measures = Measures(held.worded, held.voices, held.days)

    fits = {key: fit_of(key, measures)[0] for key in CATEGORIES}

    assert Fit.NONE not in fits.values(), fits


async def test_rows_to_unlock_are_those_of_a_chat_that_can_be_read(
    connection: asyncpg.Connection,
):
    """But for what is drawn by lot, for the content, and for when it was stored."""
    chat = encoded_chat(SMALL_CHAT)
    [read] = await seed_chats(connection, MASTER_KEY, chat, users=1, prefix="reader")
    [row] = await seed_rows(connection, chat, users=1)

    of_chat = "SELECT * FROM chats WHERE user_id = $1 AND id = $2"
    one = dict(await connection.fetchrow(of_chat, read.user_id, read.chat_id))
    other = dict(await connection.fetchrow(of_chat, row.user_id, row.chat_id))
    drawn = {"user_id", "id", "content_hmac", "sealed_meta", "used_at", "created_at"}
    assert {name for name in one if one[name] != other[name]} == drawn
    assert len(other["content_hmac"]) == len(one["content_hmac"])


async def test_what_is_needed_twice_is_copied_whole(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("benchmarks.services.TEMPLATE", TEMPLATE)
    services = Services(
        tmp_path, os.environ[POSTGRES], redis_url, MASTER_KEY, postgres_pid=0, valkey_pid=0
    )
    found = []
    async with SeededDatabases(services, 2 * [(SMALL, 3)]) as seeded:
        for _ in range(2):
            async with seeded.database(SMALL, 3) as (url, jobs):
                connection = await asyncpg.connect(url)
                rows = await connection.fetch("SELECT user_id, id FROM jobs ORDER BY id")
                sealed = await connection.fetch("SELECT sealed FROM chat_blocks ORDER BY user_id")
                await connection.execute("DELETE FROM insights")
                await connection.close()
                assert sorted(map(tuple, rows)) == sorted(jobs)
                found.append((rows, sealed))
    assert found[0] == found[1]
