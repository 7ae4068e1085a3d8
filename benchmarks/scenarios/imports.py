"""Importing chats: how fast an export is parsed, and how long an upload takes."""

import asyncio
import time
from typing import Any
from zoneinfo import ZoneInfo

import httpx2

from app.chats.formats.text import decode_text
from app.chats.formats.whatsapp.export import parse_export
from app.chats.transcript import DateOrder
from benchmarks import machine
from benchmarks.api import Api, running_api
from benchmarks.bench import Bench, Row
from benchmarks.http_load import Plan, run_plan
from benchmarks.seed import SAMPLE, export_of

SIZES = (1_000, 10_000, 100_000, 500_000)
SIZES_IF_QUICK = (100_000,)
PROBES_S = 100
UPLOAD_S_MAX = 60.0
PROBE_S = {1_000: 1.0, 10_000: 2.0, 100_000: 5.0, 500_000: 12.0}


async def run(bench: Bench) -> dict[str, Any]:
    """Parsing alone, then an upload over HTTP while the API is asked for its health."""
    rows: list[Row] = []
    async with (
        bench.services.database() as database_url,
        running_api(bench.services, database_url) as api,
    ):
        await _upload(api, export_of(100))  # Starts the process that reads.
        for size in SIZES_IF_QUICK if bench.quick else SIZES:
            export = export_of(size)
            row = {"messages": size, "mb": len(export) / 2**20, "parsed_s": _parse_rate(export)}
            row |= await _uploaded(api, export, PROBE_S[size])
            rows.append(row)
            bench.say(
                f"{size:,} messages: {row['parsed_s']:,.0f}/s parsed, uploaded in"
                f" {row['upload_s']:.2f} s"
            )
    return {
        "about": "parsed_s: messages a second on one core. upload_s: to the statistics in the"
        f" answer. blocked_ms: the slowest of {PROBES_S} health checks a second meanwhile.",
        "rows": rows,
    }


def _parse_rate(export: bytes) -> float:
    text, _ = decode_text(export)
    started = time.process_time()
    parsed = parse_export(text, date_order=DateOrder.DMY, tz=ZoneInfo("UTC"))
    return len(parsed.messages) / (time.process_time() - started)


async def _uploaded(api: Api, export: bytes, seconds: float) -> Row:
    probes = [api.request("GET", "/healthz", "prober")] * int(PROBES_S * seconds)
    probing = asyncio.create_task(run_plan(Plan(api.port, 1, seconds, PROBES_S, probes)))
    await asyncio.sleep(0.5)
    started = time.perf_counter()
    await _upload(api, export)
    upload_s = time.perf_counter() - started
    answers = await probing
    return {
        "upload_s": upload_s,
        "blocked_ms": 1000 * max(answers.latencies),
        "api_mb": machine.pss_mb([api.process.pid]),
    }


async def _upload(api: Api, export: bytes) -> None:
    async with httpx2.AsyncClient(base_url=api.url, timeout=UPLOAD_S_MAX) as http:
        answer = await http.post(
            "/api/chats",
            headers={"authorization": f"Bearer {api.token('importer')}"},
            files={"file": (SAMPLE.name, export)},
            data={"date_order": DateOrder.DMY.value},
        )
    assert answer.status_code == 201, answer.text
