"""Alembic's environment: the product's engine settings, the product's metadata."""

import asyncio

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.pool import NullPool

import app.chats.models
import app.credits.models
import app.jobs.models  # noqa: F401 (importing a module of models registers its tables)
from app.db import make_engine, metadata
from app.settings import load_database_url

# Two deployments that migrate at once take turns: an arbitrary, fixed advisory lock key.
MIGRATION_LOCK = 0x51_F0_1D


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        context.run_migrations()


async def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or load_database_url()
    engine = make_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("sixfold migrates online only: the SQL depends on what is there")
asyncio.run(_run())
