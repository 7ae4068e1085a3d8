import asyncio

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> $1"


async def _tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(TABLES, "alembic_version")
    finally:
        await connection.close()


@pytest.fixture
def alembic(database_url: str) -> Config:
    config = Config("alembic.ini")
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


async def test_migrations_go_down_and_up_again_and_match_the_tables(
    alembic: Config, database_url: str
) -> None:
    migrated = await _tables(database_url)
    await asyncio.to_thread(command.downgrade, alembic, "base")
    assert await _tables(database_url) == 0
    await asyncio.to_thread(command.upgrade, alembic, "head")
    assert await _tables(database_url) == migrated
    await asyncio.to_thread(command.check, alembic)
