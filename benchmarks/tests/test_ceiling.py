from collections.abc import Sequence

import asyncpg
import pytest

from app.credits.invariants import check_invariants
from benchmarks.bare.unlock import measure_unlock
from benchmarks.ceiling import FORMS, Ceiling, Form
from benchmarks.contestant import Job, Load
from benchmarks.services import product_engine
from benchmarks.tests.ending import assert_charged_once, run_to_the_end
from tests.support.environment import MASTER_KEY


@pytest.mark.parametrize("form", FORMS)
async def test_every_form_of_the_ceiling_has_the_effects_of_the_product(
    form: Form,
    connection: asyncpg.Connection,
    jobs: Sequence[Job],
    database_url: str,
    redis_url: str,
    load: Load,
):
    ceiling = Ceiling(form, connections=4)
    await run_to_the_end(
        ceiling, connection, jobs, database_url=database_url, redis_url=redis_url, load=load
    )
    await assert_charged_once(connection, jobs, database_url)


@pytest.mark.parametrize("is_hot", [False, True], ids=["spread", "hot"])
async def test_the_ceiling_of_unlock_reserves_coins_and_queues_jobs(
    is_hot: bool, connection: asyncpg.Connection, database_url: str
):
    measured = await measure_unlock(
        database_url, MASTER_KEY, connections=4, seconds=0.2, is_hot=is_hot
    )
    assert measured.unlocks == await connection.fetchval("SELECT count(*) FROM jobs")
    assert await connection.fetchval("SELECT count(*) FROM insights") == 6 * measured.unlocks
    async with product_engine(database_url):
        assert [found for found in await check_invariants() if found.violations] == []
