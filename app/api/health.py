"""Is the process up, and can it work?"""

import asyncio
from functools import cache
from pathlib import Path
from typing import Literal

import structlog
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.api.state import api_state
from app.db import snapshot
from app.errors import Unavailable
from app.redis import RedisError

CHECK_S = 2.0
MIGRATIONS = Path(__file__).parents[2] / "migrations"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

router = APIRouter(tags=["operations"])


class HealthBody(BaseModel):
    status: Literal["ok"]


class ReadinessBody(BaseModel):
    """`migrated`: the database has exactly the tables this code was written for."""

    status: Literal["ready", "not_ready"]
    database: Literal["ok", "unreachable"]
    migrated: bool
    redis: Literal["ok", "unreachable"]


@router.get("/healthz")
async def healthz() -> HealthBody:
    """The process answers."""
    return HealthBody(status="ok")


@router.get("/readyz", responses={503: {"model": ReadinessBody}})
async def readyz(request: Request, response: Response) -> ReadinessBody:
    """The database is there and migrated. Redis is reported and not required."""
    state = api_state(request)
    revision, redis_answers = await asyncio.gather(_database_revision(), _answers(state.redis))
    migrated = revision == await asyncio.to_thread(code_revision)
    is_ready = migrated and not state.stopping.is_set()
    response.status_code = 200 if is_ready else 503
    return ReadinessBody(
        status="ready" if is_ready else "not_ready",
        database="unreachable" if revision is None else "ok",
        migrated=migrated,
        redis="ok" if redis_answers else "unreachable",
    )


@cache
def code_revision() -> str | None:
    """The migration this code expects."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


async def _database_revision() -> str | None:
    """The database's migration: empty when it has none, None when it cannot be reached."""
    try:
        async with asyncio.timeout(CHECK_S), snapshot() as connection:
            found = await connection.execute(_REVISION)
            return found.scalar() or ""
    except (Unavailable, TimeoutError):
        return None
    except DBAPIError:
        return ""  # There is a database, but not even the table of migrations.


async def _answers(redis: Redis) -> bool:
    try:
        async with asyncio.timeout(CHECK_S):
            await redis.ping()  # pyright: ignore[reportUnknownMemberType] (untyped in redis-py)
    except (RedisError, OSError, TimeoutError):
        return False
    return True


_REVISION = text("SELECT version_num FROM alembic_version")
