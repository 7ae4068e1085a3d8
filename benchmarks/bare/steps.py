"""The steps of a job by bare asyncpg: one transaction each, statement after statement.

A job takes 37 round trips: five to claim it, one to read what it is written from, four for each
result, seven to settle it.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol, Self
from uuid import UUID

import asyncpg

from app.generation.context import VERSION, Part
from app.jobs.leases import LEASE_OVER, HeldLease
from app.jobs.models import ATTEMPTS_MAX, DONE_SQL, INSIGHTS_PER_JOB
from app.jobs.results import InsightResult
from benchmarks.contestant import Job

LEASE_S = 45.0
ATTEMPT_S = 120.0
PART = Part.DISCLOSURE
"""What the benchmark's model is shown, of every contestant."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed job and the key of its chat."""

    held: HeldLease
    chat_id: UUID
    category: str
    prompt_version: int
    message_count: int
    key_id: str
    sealed_key: bytes = field(repr=False)

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        held = HeldLease(row["user_id"], row["id"], row["fence"])
        rest = ("chat_id", "category", "prompt_version", "message_count", "key_id", "sealed_key")
        return cls(held, *(row[name] for name in rest))


class Steps(Protocol):
    """What is read and written of a job, by whichever statements."""

    async def claim(self, job: Job) -> Claimed | None: ...

    async def read(self, claimed: Claimed) -> bytes | None: ...

    async def store(self, result: InsightResult) -> bool: ...

    async def settle(self, held: HeldLease) -> bool: ...


class Connections:
    """A few open connections. asyncpg's own pool resets each on release: a round trip more."""

    def __init__(self, free: asyncio.LifoQueue[asyncpg.Connection]) -> None:
        self._free = free

    @classmethod
    async def open(cls, database_url: str, count: int) -> Self:
        free: asyncio.LifoQueue[asyncpg.Connection] = asyncio.LifoQueue()
        for _ in range(count):
            free.put_nowait(await asyncpg.connect(database_url, server_settings={"jit": "off"}))
        return cls(free)

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[asyncpg.Connection]:
        """A connection that nobody else uses meanwhile."""
        connection = await self._free.get()
        try:
            yield connection
        finally:
            self._free.put_nowait(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[asyncpg.Connection]:
        """The same, in a READ COMMITTED transaction that commits unless the block raises."""
        async with self.taken() as connection, connection.transaction():
            yield connection


class PlainSteps:
    """One transaction a step, as the product's, without its grouping and its CTEs."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def claim(self, job: Job) -> Claimed | None:
        async with self._connections.transaction() as connection:
            if await connection.fetchrow(_DUE, *job) is None:
                return None
            claimed = await connection.fetchrow(_CLAIM, *job, LEASE_S, ATTEMPT_S)
            seen = await connection.fetchrow(_SIGHT, *job, claimed["chat_id"], claimed["category"])
        names = ("chat_id", "category", "prompt_version")
        return Claimed(
            HeldLease(*job, claimed["fence"]),
            *(claimed[name] for name in names),
            seen["message_count"],
            seen["key_id"],
            seen["sealed_key"],
        )

    async def read(self, claimed: Claimed) -> bytes | None:
        chat = (claimed.held.user_id, claimed.chat_id)
        async with self._connections.taken() as connection:
            return await connection.fetchval(_PART, *chat, VERSION, claimed.category, PART.value)

    async def store(self, result: InsightResult) -> bool:
        lease = result.lease
        async with self._connections.transaction() as connection:
            owned = await connection.fetchrow(_PROGRESS, lease.user_id, lease.job_id, lease.fence)
            if owned is not None:
                await connection.execute(
                    _STORE,
                    *(lease.user_id, lease.job_id, result.ord, result.attempts),
                    *(result.duration_ms, result.sealed, result.model, result.tokens_in),
                    *(result.tokens_cached, result.tokens_out, result.cost_microusd),
                    owned["prompt_version"],
                )
        return owned is not None

    async def settle(self, held: HeldLease) -> bool:
        job = (held.user_id, held.job_id)
        async with self._connections.transaction() as connection:
            await connection.fetchrow(_LOCK_ACCOUNT, held.user_id)
            charged = await connection.fetchval(_SUCCEED, *job, held.fence)
            if charged is None:
                return False
            amount = await connection.fetchval(_CAPTURE, *job, charged)
            if amount is None:
                raise RuntimeError("a job was ended whose reservation was settled before")
            account = await connection.fetchrow(_TAKE, held.user_id, amount)
            await connection.execute(
                _BOOK,
                *(held.user_id, account["seq"], amount, account["available"], account["held"]),
                held.job_id,
            )
        return True


_DUE = f"""
    SELECT j.id FROM jobs j JOIN reservations r USING (user_id, id)
    WHERE j.user_id = $1 AND j.id = $2
      AND ((j.state = 'queued' AND j.next_run_at <= clock_timestamp())
           OR (j.state = 'running' AND {LEASE_OVER}))
      AND j.attempt < {ATTEMPTS_MAX} AND r.state = 'held' AND r.expires_at > clock_timestamp()
    FOR NO KEY UPDATE OF j SKIP LOCKED
"""

_CLAIM = """
    UPDATE jobs
    SET state = 'running', fence = fence + 1, attempt = attempt + 1,
        lease_until = clock_timestamp() + make_interval(secs => $3),
        attempt_until = clock_timestamp() + make_interval(secs => $4),
        next_run_at = NULL, started_at = coalesce(started_at, clock_timestamp()),
        version = version + 1, error_code = NULL
    WHERE user_id = $1 AND id = $2
    RETURNING fence, chat_id, category, prompt_version
"""

_SIGHT = f"""
    SELECT chat.message_count, k.key_id, k.sealed_key,
           ARRAY(SELECT n.ord FROM insights n
                 WHERE n.user_id = $1 AND n.job_id = $2 AND n.{DONE_SQL}) AS done,
           EXISTS (SELECT FROM jobs earlier
                   WHERE earlier.user_id = $1 AND earlier.chat_id = $3 AND earlier.category = $4
                     AND earlier.state IN ('failed', 'cancelled', 'expired')) AS may_adopt
    FROM chats chat JOIN chat_keys k ON k.user_id = chat.user_id AND k.chat_id = chat.id
    WHERE chat.user_id = $1 AND chat.id = $3
"""

_PART = """
    SELECT sealed FROM prepared_chats
    WHERE user_id = $1 AND chat_id = $2 AND version = $3 AND category = $4 AND part = $5
"""

_PROGRESS = """
    UPDATE jobs SET version = version + 1
    WHERE user_id = $1 AND id = $2 AND fence = $3 AND state = 'running'
    RETURNING prompt_version
"""

_STORE = f"""
    UPDATE insights
    SET state = 'completed', attempts = attempts + $4, duration_ms = $5, sealed = $6, model = $7,
        tokens_in = $8, tokens_cached = $9, tokens_out = $10, cost_microusd = $11,
        prompt_version = $12, error_code = NULL
    WHERE user_id = $1 AND job_id = $2 AND ord = $3 AND NOT {DONE_SQL}
"""

_LOCK_ACCOUNT = "SELECT user_id FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE"

# Of what a job costs when some of its insights are empty, `charged` tells; here none ever is.
_SUCCEED = f"""
    UPDATE jobs j
    SET state = 'succeeded', finished_at = clock_timestamp(), lease_until = NULL,
        attempt_until = NULL, next_run_at = NULL, version = version + 1, error_code = NULL
    FROM (SELECT count(*) AS done, count(*) FILTER (WHERE n.state = 'completed') AS completed
          FROM insights n WHERE n.user_id = $1 AND n.job_id = $2 AND n.{DONE_SQL}) six
    WHERE j.user_id = $1 AND j.id = $2 AND j.state = 'running' AND j.fence = $3
      AND six.done = {INSIGHTS_PER_JOB}
    RETURNING j.price_coins * six.completed / {INSIGHTS_PER_JOB} AS charged
"""

_CAPTURE = """
    UPDATE reservations SET state = 'captured', captured = $3, resolved_at = clock_timestamp()
    WHERE user_id = $1 AND id = $2 AND state = 'held'
    RETURNING captured
"""

_TAKE = """
    UPDATE accounts SET held = held - $2, seq = seq + 1 WHERE user_id = $1
    RETURNING available, held, seq
"""

_BOOK = """
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, reservation_id, actor)
    VALUES ($1, $2, 'capture', 'held', 'revenue', $3, $4, $5, 'settle:' || $6::uuid, $6, 'system')
"""
