"""A stored chat, an engine with a scripted model, and the operations around them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from app import connections
from app.catalog.categories import InsightSpec
from app.catalog.content import NOTHING_FOUND, Finding, InsightContent
from app.chats.message import Message
from app.chats.storage import ChatMeta, encode_chat, insert_chat, seal_chat
from app.credits.invariants import check_invariants
from app.crypto import KeyRing
from app.db import in_transaction, snapshot, transaction
from app.generation.context import InsightContext, Part
from app.generation.preparation import prepare
from app.generation.protocol import CallGuard, Draft
from app.ids import new_id
from app.jobs.engine import JobEngine
from app.jobs.leases import LeaseTimes
from app.jobs.notifications import Notifications
from app.jobs.prepared_chats import seal_parts, store_prepared
from app.jobs.preparer import Preparer
from app.lock_waits import LockWaits
from app.settings import Settings
from app.unlocks.batch import UnlockBatcher, Unlocked, UnlockOrder, UnlockTerms
from app.unlocks.unlock import unlock_category

START = datetime(2025, 3, 1, 9, tzinfo=UTC)
ATTEMPT_S = 110


def small_chat(messages: int = 80) -> list[Message]:
    """A chat of two people who answer each other every ten minutes."""
    lines = ["Shall we meet tomorrow?", "Yes, I will bring the cake", "Thank you, love it"]
    return [
        Message(
            number,
            START + timedelta(minutes=10 * number),
            ("Ann", "Ben")[number % 2],
            f"{lines[number % 3]} {number}",
        )
        for number in range(1, messages + 1)
    ]


async def store_chat(
    keyring: KeyRing,
    user_id: str,
    messages: Sequence[Message] | None = None,
    *,
    is_prepared: bool = True,
    title: str = "Ann and Ben",
) -> UUID:
    """The id of a freshly stored chat, which a worker has prepared."""
    meta = ChatMeta(title, [{"name": "Ann", "messages": 20}], {}, {})
    encoded = encode_chat(meta, messages or small_chat())
    sealed = seal_chat(keyring, user_id, new_id(), encoded)
    await in_transaction(lambda connection: insert_chat(connection, sealed))
    if is_prepared:
        parts = prepare(messages).parts if messages else prepared_small_chat()
        chat = (user_id, sealed.id)
        await store_prepared(chat, seal_parts(sealed.key, chat, parts), revision=1)
    return sealed.id


@cache
def prepared_small_chat() -> Mapping[tuple[str, Part], bytes]:
    return prepare(small_chat()).parts


@dataclass
class ScriptedGenerator:
    """A model that answers as `script` says: None answers well, an exception is raised; `empty`
    are the ordinals about which it has nothing to say."""

    reads = Part.INSIGHTS
    script: Callable[[InsightSpec], Exception | None] = lambda spec: None
    empty: Container[int] = frozenset()
    calls: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    evidence: list[int] = field(default_factory=lambda: [1, 2])

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Draft:
        self.calls.append(spec.key)
        if self.gate is not None:
            await self.gate.wait()
        error = self.script(spec)
        if error is not None:
            raise error
        if spec.ord in self.empty:
            return Draft(NOTHING_FOUND, "scripted-1", 10, 2, 5)
        content = InsightContent(
            headline=spec.title,
            summary="Written by a script.",
            findings=[Finding(claim="They write.", evidence=self.evidence)],
            metrics={},
            confidence=0.5,
        )
        return Draft(content, "scripted-1", 10, 5, 7)


@pytest.fixture
def keyring(settings: Settings) -> KeyRing:
    return KeyRing(settings.master_keys)


@pytest.fixture
async def chat(engine: None, keyring: KeyRing) -> UUID:
    """A chat of Alice's."""
    return await store_chat(keyring, "alice")


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ScriptedGenerator()


MakeEngine = Callable[..., JobEngine]


@pytest.fixture
async def make_engine(
    engine: None, keyring: KeyRing, generator: ScriptedGenerator, redis: Redis
) -> AsyncIterator[MakeEngine]:
    """Makes job engines, as several worker processes would have them."""
    async with AsyncExitStack() as stack:

        def make(*, heartbeat_s: float = 15, **given: Any) -> JobEngine:
            job_engine = JobEngine(
                generator=given.get("generator", generator),
                preparer=Preparer(keyring, processes=1, waiting_max=given.get("waiting_max", 100)),
                keyring=keyring,
                notifications=Notifications(given.get("redis", redis)),
                times=LeaseTimes(45, ATTEMPT_S),
                heartbeat_s=heartbeat_s,
                limits=given.get("limits"),
            )
            job_engine.start()
            stack.push_async_callback(job_engine.drain)
            return job_engine

        yield make


class _OfSeveralProcesses(LockWaits):
    def of_user(
        self, user_id: str, *, within_s: float | None = None
    ) -> AbstractAsyncContextManager[None]:
        return nullcontext()


@pytest.fixture
def several_processes(engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one user does at once meets in the database, as that of several processes does."""
    monkeypatch.setattr(connections, "_lock_waits", _OfSeveralProcesses())


async def no_wake(user_id: str, job_id: UUID) -> None:
    """Nobody is told; tests run the job themselves."""


async def unlock(
    user_id: str,
    chat_id: UUID,
    category: str = "friendship",
    *,
    wake: Callable[[str, UUID], Awaitable[None]] = no_wake,
    expires_s: float = 3600,
    **order: Any,
) -> Unlocked:
    return await unlock_category(
        UnlockOrder(user_id, chat_id, category, **order),
        batcher=UnlockBatcher(UnlockTerms(expires_s)),
        wake=wake,
    )


async def job_row(user_id: str, job_id: UUID) -> Any:
    async with snapshot() as connection:
        found = await connection.execute(
            text(
                "SELECT j.*, (SELECT array_agg(n.state ORDER BY n.ord) FROM insights n"
                " WHERE n.user_id = j.user_id AND n.job_id = j.id) AS insight_states"
                " FROM jobs j WHERE j.user_id = :user_id AND j.id = :id"
            ),
            {"user_id": user_id, "id": job_id},
        )
        return found.one()


async def execute(statement: str, **values: Any) -> None:
    """Arranges what only time or another fault could."""
    async with transaction() as connection:
        await connection.execute(text(statement), values)


async def end_lease(job_id: UUID) -> None:
    """The lease of the job's worker is over by the database's clock."""
    await execute(
        "UPDATE jobs SET lease_until = clock_timestamp() - interval '1 s' WHERE id = :id",
        id=job_id,
    )


async def assert_healthy() -> None:
    """No invariant is violated."""
    assert [finding for finding in await check_invariants() if finding.violations] == []
