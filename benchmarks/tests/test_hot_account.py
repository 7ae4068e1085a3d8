"""The hot account is unlocked by the product, and what disturbs it is seen."""

from collections import Counter

import asyncpg
import pytest
from sqlalchemy import text

from app.db import in_transaction
from benchmarks.hot_account import BATCHERS, HotAccount, _watching, measure_hot_account
from benchmarks.services import product_engine


@pytest.mark.parametrize("batchers", BATCHERS)
async def test_many_unlocks_of_one_account_are_all_booked_and_disturb_no_one(
    connection: asyncpg.Connection, database_url: str, batchers: int
) -> None:
    measured = await measure_hot_account(
        database_url, rounds=2, seconds=0.2, tasks=8, batchers=batchers
    )
    assert measured.is_exact
    assert measured.unlocks == await connection.fetchval("SELECT count(*) FROM jobs") > 0
    assert await connection.fetchval("SELECT count(DISTINCT user_id) FROM jobs") == 1


async def test_a_serialization_failure_that_is_repeated_unseen_is_counted(
    database_url: str,
) -> None:
    tries: list[int] = []

    async def work(connection) -> None:
        tries.append(1)
        if len(tries) == 1:
            await connection.execute(
                text("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$")
            )

    async with product_engine(database_url):
        with _watching() as disturbed:
            await in_transaction(work)
    assert disturbed == {"40001": 1}
    assert not HotAccount(0, [1.0], 1, Counter(disturbed), 0).is_exact
