"""Importing chats: how fast an export is parsed, and how long an upload takes."""

import asyncio
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import httpx2
import orjson

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import read_export
from app.chats.transcript import DateOrder
from app.frames import encoded
from benchmarks import machine
from benchmarks.api import Api, running_api
from benchmarks.bench import Bench, Row
from benchmarks.http_load import Plan, run_plan
from benchmarks.seed import SAMPLE, encoded_chat, export_of
from tests.support.exports import LAYOUTS as EXPORTS
from tests.support.exports import TITLE, Layout, Said, chat_of

SIZES = (1_000, 10_000, 100_000, 500_000)
SIZES_IF_QUICK = (100_000,)
PROBES_S = 100
UPLOAD_S_MAX = 60.0
PROBE_S = {1_000: 1.0, 10_000: 2.0, 100_000: 5.0, 500_000: 12.0}


READER_MESSAGES = 300_000
READER_IF_QUICK = ("discord", "telegram-all")
READERS_AT_ONCE = 2
"""While one process reads, the next export is made: what is measured is memory, not time."""
LAYOUT_MESSAGES = 100_000
# An Android header of 24 hours, and what it becomes in other layouts.
_HEADER = re.compile(rb"(?m)^(\d\d/\d\d/\d{4}), (\d\d):(\d\d) - ")
LAYOUTS = {
    "android-24h": rb"\1, \2:\3 - ",
    "ios-24h": rb"[\1, \2:\3:07] ",
    "ios-marked": b"\xe2\x80\x8e[" + rb"\1, \2:\3:07] ",
    "android-dotted": rb"\1 kl. \2.\3 - ",
}


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
    layouts = {name: _parse_rate(_laid_out(header)) for name, header in LAYOUTS.items()}
    messengers = {name: _parse_rate(_of_messenger(layout)) for name, layout in EXPORTS.items()}
    reader_mb = await asyncio.to_thread(_all_reader_mb, bench)
    bench.say(
        "parsed by layout: "
        + ", ".join(f"{name} {rate:,.0f}/s" for name, rate in (layouts | messengers).items())
        + f"; memory of the reader with {READER_MESSAGES:,} messages: "
        + ", ".join(f"{name} {mb:,.0f} MB" for name, mb in reader_mb.items())
    )
    return {
        "about": "parsed_s: messages a second on one core. upload_s: to the statistics in the"
        f" answer. blocked_ms: the slowest of {PROBES_S} health checks a second meanwhile.",
        "rows": rows,
        "layouts_parsed_s": layouts,
        "messengers_parsed_s": messengers,
        "reader_mb": reader_mb,
    }


def _laid_out(header: bytes) -> bytes:
    return _HEADER.sub(header, export_of(LAYOUT_MESSAGES))


def _of_messenger(layout: Layout) -> bytes:
    return layout.render(_said(LAYOUT_MESSAGES, layout.own)).encode()


@cache
def _said(messages: int, own: str) -> list[Said]:
    """A chat between the exporter, as the format names him, and another."""
    return chat_of(messages, people=(own, TITLE))


# A process's highest memory begins with that of the one which started it: a small one does.
_STARTED_SMALL = """
import os, subprocess, sys
reader = subprocess.Popen(
    [sys.executable, "-m", "app.chats.import_process"], stdout=subprocess.DEVNULL
)
_, status, usage = os.wait4(reader.pid, 0)
print(usage.ru_maxrss)
sys.exit(status != 0)
"""


def _reader_mb(export: bytes, *known: bytes) -> float:
    """The most memory that the process which reads uploads has held when it has read `export`;
    as another export of a chat, if its description and blocks are given."""
    order = orjson.dumps(
        {"filename": "chat.txt", "date_order": "dmy", "timezone": "UTC", "bytes_max": 1 << 30}
    )
    with tempfile.TemporaryFile() as given:
        meta, blocks = known[0] if known else b"", known[1:]
        given.writelines(encoded([order, meta, export, *blocks]))
        given.seek(0)
        told = subprocess.run(
            [sys.executable, "-c", _STARTED_SMALL], stdin=given, stdout=subprocess.PIPE, check=True
        )
    # Linux counts ru_maxrss in kilobytes, macOS in bytes.
    return int(told.stdout) / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def _revision_mb() -> float:
    """… when it has read a newer export of a chat of READER_MESSAGES."""
    grown = export_of(READER_MESSAGES + READER_MESSAGES // 100)
    stored = encoded_chat(READER_MESSAGES)
    return _reader_mb(grown, stored.meta, *stored.blocks)


def _all_reader_mb(bench: Bench) -> dict[str, float]:
    """Of READER_MESSAGES in each format; in a quick run of the two with most bytes a message."""

    def of_layout(layout: Layout) -> float:
        return _reader_mb(layout.render(_said(READER_MESSAGES, layout.own)).encode())

    asked = {name: EXPORTS[name] for name in (READER_IF_QUICK if bench.quick else EXPORTS)}
    with ThreadPoolExecutor(READERS_AT_ONCE) as readers:
        whatsapp = readers.submit(_reader_mb, export_of(READER_MESSAGES))
        revision = readers.submit(_revision_mb)
        found = dict(zip(asked, readers.map(of_layout, asked.values()), strict=True))
    return {"whatsapp": whatsapp.result(), "revision": revision.result()} | found


def _parse_rate(export: bytes) -> float:
    started = time.process_time()
    parsed = read_export(export, ReadingOptions(DateOrder.DMY))
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
