"""Is the process up, and can it work?"""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Literal

import structlog
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisAway
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import reachability
from app.api.problems import ANYWHERE, refusals
from app.api.state import api_state
from app.chats.key_storage import find_key_ids
from app.crypto import KeyRing
from app.db import CommitUnknown, transaction
from app.errors import Unavailable
from app.llm.rejections import Standing
from app.redis import PREFIX, RedisError

CHECK_S = 2.0
PROBE_KEPT_S = 60
MIGRATIONS = Path(__file__).parents[2] / "migrations"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

router = APIRouter(tags=["operations"])


class HealthBody(BaseModel):
    status: Literal["ok"]


class DatabaseState(StrEnum):
    OK = "ok"
    READ_ONLY = "read_only"
    """A standby, or one that was set to refuse writes."""
    NO_RIGHTS = "no_rights"
    """The user of the URL may not write to every table that an unlock writes to."""
    UNREACHABLE = "unreachable"


class RedisState(StrEnum):
    OK = "ok"
    REFUSES_WRITES = "refuses_writes"
    """It is a replica, full, a node of a cluster, or the user may not write these keys."""
    UNREACHABLE = "unreachable"
    """It does not answer, or refuses the login. Why is in the log."""


class ProviderBody(BaseModel):
    """A provider of models that rejects every call, until a human mends it."""

    reason: str
    status: int
    host: str
    since: datetime


class ReadinessBody(BaseModel):
    """`migrated`: the database has the tables this code needs, perhaps those of the next too.

    `unknown_keys`: ids of master keys that some chat needs and this process does not have; left out
    when there is none. `provider_rejects`: why nothing new is sold; left out otherwise.
    """

    status: Literal["ready", "not_ready"]
    database: DatabaseState
    migrated: bool
    redis: RedisState
    unknown_keys: list[str] | None = None
    provider_rejects: ProviderBody | None = None


@router.get("/healthz", responses=refusals(besides=ANYWHERE))
async def healthz() -> HealthBody:
    """The process answers."""
    return HealthBody(status="ok")


@router.get(
    "/readyz",
    responses=refusals(besides=ANYWHERE) | {503: {"model": ReadinessBody}},
    response_model_exclude_none=True,
)
async def readyz(request: Request, response: Response) -> ReadinessBody:
    """The database is migrated and takes what an unlock writes.

    Redis, the provider and keys of chats are reported, not required.
    """
    state = api_state(request)
    (database, revision), redis_state, standing, unknown = await asyncio.gather(
        *(_database(), _redis(state.redis), state.rejections.current()),
        _unknown_keys(state.keyring),
    )
    # Migrations only add what the release before can ignore: a newer one is as good.
    migrated = revision >= await asyncio.to_thread(code_revision)
    is_ready = database is DatabaseState.OK and migrated and not state.leaving.is_set()
    response.status_code = 200 if is_ready else 503
    return ReadinessBody(
        status="ready" if is_ready else "not_ready",
        database=database,
        migrated=migrated,
        redis=redis_state,
        unknown_keys=unknown or None,
        provider_rejects=_told(standing),
    )


def _told(standing: Standing | None) -> ProviderBody | None:
    if standing is None:
        return None
    told = standing.rejection
    since = datetime.fromtimestamp(standing.since, UTC)
    return ProviderBody(reason=told.reason, status=told.status, host=told.host, since=since)


@cache
def code_revision() -> str:
    """The migration this code expects; their names sort as they follow each other."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


async def _database() -> tuple[DatabaseState, str]:
    """Its state, and its migration: empty when it has none or cannot be asked."""
    try:
        # As an unlock meets it: a transaction that could write, behind whatever pooler there is.
        # It writes nothing, so it is no step at which a fault could lose something.
        async with asyncio.timeout(CHECK_S), transaction(step=None) as connection:
            found = (await connection.execute(_FOUND)).one()
            if not found.has_tables:
                return DatabaseState.OK, ""
            revision: str = (await connection.execute(_REVISION)).scalar_one()
    except (Unavailable, CommitUnknown, TimeoutError):
        return DatabaseState.UNREACHABLE, ""
    except DBAPIError:
        return DatabaseState.NO_RIGHTS, ""
    if found.is_read_only:
        return DatabaseState.READ_ONLY, revision
    return (DatabaseState.OK if found.may_write else DatabaseState.NO_RIGHTS), revision


async def _unknown_keys(keyring: KeyRing) -> list[str]:
    """Ids in use that cannot be opened; none while that cannot be asked."""
    try:
        async with asyncio.timeout(CHECK_S):
            unknown = sorted(await find_key_ids() - keyring.ids)
    except (Unavailable, TimeoutError, DBAPIError):
        return []
    if unknown:
        log.error("keys.unknown", key_ids=unknown)
    return unknown


async def _redis(redis: Redis) -> RedisState:
    """By a write: many a Redis that refuses writes answers everything else."""
    try:
        async with asyncio.timeout(CHECK_S):
            await redis.set(f"{PREFIX}probe", 1, ex=PROBE_KEPT_S)
    except (AuthenticationError, RedisAway, OSError, TimeoutError) as error:
        reachability.redis.lost(error)
        return RedisState.UNREACHABLE
    except RedisError as error:
        reachability.redis.lost(error)
        return RedisState.REFUSES_WRITES
    reachability.redis.found()
    return RedisState.OK


_NEEDED = {
    "accounts": ("INSERT", "UPDATE"),
    "archived_jobs": ("SELECT",),
    "entries": ("INSERT",),
    "insights": ("INSERT", "UPDATE"),
    "jobs": ("INSERT", "UPDATE"),
    "reservations": ("INSERT", "UPDATE"),
}
"""What an unlock and its job need to be allowed."""
_FOUND = text(
    "SELECT current_setting('transaction_read_only') = 'on' AS is_read_only,"
    " to_regclass('alembic_version') IS NOT NULL AS has_tables, "
    + " AND ".join(
        # A table that is not there is told of by `migrated`.
        f"coalesce(has_table_privilege(to_regclass('{table}'), '{right}'), true)"
        for table, rights in _NEEDED.items()
        for right in rights
    )
    + " AS may_write"
)
_REVISION = text("SELECT coalesce(max(version_num), '') FROM alembic_version")
