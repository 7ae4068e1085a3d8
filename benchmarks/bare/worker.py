"""A process that runs jobs by bare asyncpg on uvloop; it is told of them on its standard input.

BARE='{…}' python -m benchmarks.bare.worker
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import uvloop

from app.chats.storage import open_messages
from app.crypto import ChatKey, KeyRing
from app.insights.catalog import CATEGORIES, InsightSpec
from app.insights.content import checked_evidence
from app.insights.context import build_context
from app.insights.models import InsightState
from app.insights.results import InsightResult, insight_place
from app.settings import parse_master_key
from benchmarks.bare.grouped import BatchedSteps, SingleSteps
from benchmarks.bare.steps import Claimed, Connections, PlainSteps, Steps
from benchmarks.contestant import Job, Load
from benchmarks.model import StubModel

VARIABLE = "BARE"
READY = "ready"

STEPS: dict[str, Callable[[Connections], Steps]] = {
    "plain": PlainSteps,
    "cte": SingleSteps,
    "batched": BatchedSteps,
}


class Worker:
    """Runs the jobs it is told of, a bounded number at a time."""

    def __init__(
        self, steps: Steps, connections: Connections, keyring: KeyRing, load: Load
    ) -> None:
        self._steps = steps
        self._connections = connections
        self._keyring = keyring
        self._load = load
        self._model = StubModel(load)

    async def run(self, jobs: asyncio.Queue[Job], *, in_flight: int) -> None:
        """For ever."""
        await asyncio.gather(*(self._run_each(jobs) for _ in range(in_flight)))

    async def _run_each(self, jobs: asyncio.Queue[Job]) -> None:
        while True:
            await self._run_job(await jobs.get())

    async def _run_job(self, job: Job) -> None:
        claimed = await self._steps.claim(job)
        if claimed is None:
            return
        user_id, job_id = job
        key = self._keyring.unwrap(claimed.key_id, claimed.sealed_key, user_id, claimed.chat_id)
        if self._load.context_s > 0:
            await asyncio.sleep(self._load.context_s)
        message_count = sys.maxsize
        if self._load.real_context:
            message_count = await self._build_context(claimed, key)
        specs = CATEGORIES[claimed.category].insights
        await asyncio.gather(*(self._write(claimed, key, spec, message_count) for spec in specs))
        if not await self._steps.settle(claimed.held):
            raise RuntimeError(f"job {job_id} was not charged")

    async def _build_context(self, claimed: Claimed, key: ChatKey) -> int:
        """Reads, opens and builds what the product does; how many messages there are."""
        user_id, chat_id = claimed.held.user_id, claimed.chat_id
        async with self._connections.taken() as connection:
            rows = await connection.fetch(_BLOCKS, user_id, chat_id)
        blocks = [(row["ord"], row["sealed"]) for row in rows]
        category = CATEGORIES[claimed.category]

        def build() -> int:
            context = build_context(open_messages(key, user_id, chat_id, blocks), category)
            return context.message_count

        return await asyncio.to_thread(build)

    async def _write(
        self, claimed: Claimed, key: ChatKey, spec: InsightSpec, message_count: int
    ) -> None:
        started = time.monotonic()
        held = claimed.held
        draft = await self._model.awrite(held.job_id, spec.key)
        content = checked_evidence(draft.content, message_count=message_count)
        place = insight_place(held.user_id, held.job_id, spec.key, claimed.prompt_version)
        result = InsightResult(
            held,
            spec.ord,
            InsightState.COMPLETED,
            attempts=1,
            duration_ms=round((time.monotonic() - started) * 1000),
            sealed=key.seal(content.model_dump_json().encode(), *place),
            model=draft.model,
            tokens_in=draft.tokens_in,
            tokens_out=draft.tokens_out,
            cost_microusd=draft.cost_microusd,
        )
        if not await self._steps.store(result):
            raise RuntimeError(f"job {held.job_id} was lost")


async def main() -> None:
    given: dict[str, Any] = json.loads(os.environ[VARIABLE])
    connections = await Connections.open(given["database_url"], given["connections"])
    keyring = KeyRing([parse_master_key(given["master_key"])])
    steps = STEPS[given["steps"]](connections)
    worker = Worker(steps, connections, keyring, Load(**given["load"]))
    jobs: asyncio.Queue[Job] = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(worker.run(jobs, in_flight=given["in_flight"]))
        print(READY, flush=True)
        await _read_jobs(jobs)
        running.cancel()


async def _read_jobs(jobs: asyncio.Queue[Job]) -> None:
    """Until the standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        user_id, job_id = json.loads(line)
        jobs.put_nowait((user_id, UUID(job_id)))


_BLOCKS = """
    SELECT ord, sealed FROM chat_blocks WHERE user_id = $1 AND chat_id = $2 ORDER BY ord
"""

if __name__ == "__main__":
    uvloop.run(main())
