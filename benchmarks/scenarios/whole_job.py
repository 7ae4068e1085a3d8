"""What one job costs by the length of its chat, and what preparing the chat costs once."""

import time
from typing import Any

from app.chats.blocks import decode_block
from app.generation.preparation import prepare
from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row, interleaved
from benchmarks.contestant import Contestant, Load
from benchmarks.provided import Own, Provided, provider_stub
from benchmarks.scenarios.chats import ALL
from benchmarks.seed import Work, encoded_chat
from benchmarks.throughput import Entry

LATENCY_S = 0.2
LOAD = Load(llm_s=LATENCY_S, llm_spread_s=0.0, seed=SEED)
JOBS = {200: 160, 4_000: 160, 40_000: 80, 100_000: 40}
IN_FLIGHT = 8
SECONDS_MAX = 60.0
LARGE_CHATS, LARGE_JOBS, LARGE_LATENCY_S = 40_000, 300, 6.0
"""For memory: calls that last so long that all jobs wait for theirs at the same time."""


async def run(bench: Bench) -> dict[str, Any]:
    """Each length of chat, with a model in the process, one behind a network, and none."""
    rows: dict[str, Row] = {}
    with provider_stub(LATENCY_S, 0.0) as base_url:
        contestants: dict[str, Contestant] = {
            "stub": roster.product(bench.services, tasks=IN_FLIGHT),
            "provider": Provided(bench.services, base_url, tasks=IN_FLIGHT),
            "offline": Own(bench.services, tasks=IN_FLIGHT),
        }
        for messages, jobs in JOBS.items():
            work, count = Work((messages,), ALL), jobs // min(bench.less, 2)
            entries = [Entry(one, count, SECONDS_MAX, work) for one in contestants.values()]
            measured = await interleaved(bench, LOAD, entries, rounds=1)
            once_ms = _preparing_ms(messages)
            for name, row in zip(contestants, measured, strict=True):
                row["contestant"] += f", {messages:,} messages"
                row["preparing_ms"] = once_ms
                rows[f"{name}_{messages}"] = row
    rows["large"] = await _large(bench)
    return {
        "about": f"Chats of four lengths, prepared at their upload, all four categories of each,"
        f" {IN_FLIGHT} jobs in flight, a model that answers in {LATENCY_S:g} s: in the process of"
        " the worker, behind HTTP and the provider's SDK, and none. cpu_ms_job is the worker's."
        " preparing_ms is the processor time of preparing such a chat, once. In the last row"
        f" {LARGE_JOBS} jobs wait at the same time, for answers that take"
        f" {LARGE_LATENCY_S:g} s: peak_mb tells.",
        **rows,
        "rows": list(rows.values()),
    }


async def _large(bench: Bench) -> Row:
    """The memory of a worker whose jobs all wait for a provider."""
    work = Work((LARGE_CHATS,), ALL)
    with provider_stub(LARGE_LATENCY_S, 0.0) as base_url:
        worker = Provided(bench.services, base_url, tasks=LARGE_JOBS)
        entry = Entry(worker, LARGE_JOBS, SECONDS_MAX, work)
        [row] = await interleaved(bench, LOAD, [entry], rounds=1)
    row["contestant"] += f", {LARGE_CHATS:,} messages"
    return row


def _preparing_ms(messages: int) -> float:
    blocks = encoded_chat(messages).blocks
    started = time.process_time()
    prepare([message for block in blocks for message in decode_block(block)])
    return 1000 * (time.process_time() - started)
