"""Alembic's environment: the product's engine settings, the product's metadata."""

import asyncio
import random
import time

import structlog
from alembic import context
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

import app.chats.models
import app.credits.models
import app.jobs.models  # noqa: F401 (importing a module of models registers its tables)
from app.database_pool import make_engine
from app.db import metadata
from app.settings import load_database_url
from app.sqlstates import sqlstate

# Two deployments that migrate at once take turns: an arbitrary, fixed advisory lock key.
MIGRATION_LOCK = 0x51_F0_1D

# Whoever waits for a table's lock makes all that come after it wait as well, plain reads too. So
# a migration lets go after a moment, lets them through, and begins anew.
LOCK_NOT_AVAILABLE = "55P03"
LOCK_WAIT_MS = 1_000
PAUSE_S = 1.0
TRY_FOR_S = 240.0

log = structlog.get_logger()


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_server_default=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_WAIT_MS}")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
        context.run_migrations()


async def _once(engine: AsyncEngine) -> bool:
    """Whether it went through; False when another transaction held a lock for too long."""
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
            await connection.commit()
    except DBAPIError as error:
        if sqlstate(error) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


async def _run() -> None:
    url = context.config.get_main_option("sqlalchemy.url") or load_database_url()
    engine = make_engine(url, statement_timeout_s=None, poolclass=NullPool)
    give_up_at = time.monotonic() + TRY_FOR_S
    try:
        while not await _once(engine):
            if time.monotonic() > give_up_at:
                raise RuntimeError("a lock is held by another transaction; nothing was changed")
            log.warning("migration.lock_busy", waits_ms=LOCK_WAIT_MS)
            await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311 (spreads retries)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("sixfold migrates online only: the SQL depends on what is there")
asyncio.run(_run())
