import asyncpg
import pytest

from app.credits.invariants import check_invariants
from benchmarks.bare.unlock import measure_unlock
from benchmarks.services import product_engine


@pytest.mark.parametrize("is_hot", [False, True], ids=["spread", "hot"])
async def test_the_ceiling_of_unlock_reserves_coins_and_queues_jobs(
    is_hot: bool, connection: asyncpg.Connection, database_url: str
):
    measured = await measure_unlock(database_url, connections=4, seconds=0.2, is_hot=is_hot)
    assert measured.unlocks == await connection.fetchval("SELECT count(*) FROM jobs")
    assert await connection.fetchval("SELECT count(*) FROM insights") == 6 * measured.unlocks
    async with product_engine(database_url):
        assert [found for found in await check_invariants() if found.violations] == []
