"""The body of a job by bare asyncpg: claim, context, six calls, their results, the charge."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from app.catalog.categories import CATEGORIES, InsightSpec
from app.catalog.content import checked_evidence
from app.crypto import ChatKey, KeyRing
from app.generation.context import InsightContext
from app.jobs.models import InsightState
from app.jobs.prepared_chats import opened_part
from app.jobs.results import InsightResult, insight_binding
from app.settings import parse_master_key
from benchmarks.bare.grouped import BatchedSteps, SingleSteps
from benchmarks.bare.steps import PART, Claimed, Connections, PlainSteps, Steps
from benchmarks.contestant import Job, Load
from benchmarks.model import StubModel

STEPS: dict[str, Callable[[Connections], Steps]] = {
    "plain": PlainSteps,
    "cte": SingleSteps,
    "batched": BatchedSteps,
}


@dataclass(frozen=True, slots=True)
class BodySetup:
    """`steps` names the form of the statements; `connections` are kept open by each process."""

    steps: str
    connections: int
    database_url: str
    master_key: str
    load: Load


class Body:
    """What is done for a job, whoever calls it."""

    def __init__(
        self, steps: Steps, connections: Connections, keyring: KeyRing, load: Load
    ) -> None:
        self._steps = steps
        self._connections = connections
        self._keyring = keyring
        self._load = load
        self._model = StubModel(load)

    @classmethod
    async def open(cls, setup: BodySetup) -> Self:
        """With connections of the running event loop."""
        connections = await Connections.open(setup.database_url, setup.connections)
        keyring = KeyRing([parse_master_key(setup.master_key)])
        return cls(STEPS[setup.steps](connections), connections, keyring, setup.load)

    async def run_job(self, job: Job) -> None:
        """Brings the job to its end; a job that is not due, or somebody else's, is left alone."""
        claimed = await self._steps.claim(job)
        if claimed is None:
            return
        user_id, job_id = job
        key = self._keyring.unwrap(claimed.key_id, claimed.sealed_key, user_id, claimed.chat_id)
        context = await self._context(claimed, key)
        specs = CATEGORIES[claimed.category].insights
        await asyncio.gather(*(self._write(claimed, key, spec, context) for spec in specs))
        if not await self._steps.settle(claimed.held):
            raise RuntimeError(f"job {job_id} was not charged")

    async def _context(self, claimed: Claimed, key: ChatKey) -> InsightContext:
        """Read and opened as the product does it."""
        sealed = await self._steps.read(claimed)
        if sealed is None:
            raise RuntimeError(f"chat {claimed.chat_id} is not prepared")
        chat = (claimed.held.user_id, claimed.chat_id)
        plain = opened_part(key, chat, claimed.category, PART, sealed)
        return InsightContext(claimed.message_count, {PART: plain})

    async def _write(
        self, claimed: Claimed, key: ChatKey, spec: InsightSpec, context: InsightContext
    ) -> None:
        started = time.monotonic()
        held = claimed.held
        draft = await self._model.awrite(held.job_id, spec.key, context)
        content = checked_evidence(draft.content, message_count=context.message_count)
        place = insight_binding(held.user_id, held.job_id, spec.key, claimed.prompt_version)
        result = InsightResult(
            held,
            spec.ord,
            InsightState.COMPLETED,
            attempts=1,
            duration_ms=round((time.monotonic() - started) * 1000),
            sealed=key.seal(content.model_dump_json().encode(), *place),
            model=draft.model,
            tokens_in=draft.tokens_in,
            tokens_cached=draft.tokens_cached,
            tokens_out=draft.tokens_out,
            cost_microusd=draft.cost_microusd,
        )
        if not await self._steps.store(result):
            raise RuntimeError(f"job {held.job_id} was lost")
