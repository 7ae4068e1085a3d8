"""Do slow and streaming clients hold up the others? `/healthz` of one API process tells.

    python -m benchmarks.slow_connections [--slow 600] [--streams 3000] [--seconds 15]

First nobody else is there. Then thousands follow jobs by event streams. Then hundreds more
connections send a byte of an endless header now and again, and come back as soon as they are
closed. Each time one client asks for `/healthz` on a connection that it keeps, another on a new
connection for each request. Prints their latencies; exits with 1 if the p99 on the connection that
is kept is above 50 ms.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import uvloop

from benchmarks import machine
from benchmarks.api import Api, running_api
from benchmarks.listening import listeners
from benchmarks.services import Services, services
from benchmarks.throughput import percentiles_ms, seeded_jobs

SLOW, STREAMS, SECONDS = 600, 3_000, 15.0
P99_MS_MAX = 50.0
PAUSE_S = 0.005
BYTE_EVERY_S = 1.0
SPARE_FILES = 200
PROBE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SLOW_HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "


@dataclass
class Slow:
    """The connections that send their heads slowly."""

    port: int
    count: int
    all_open: asyncio.Event
    open: int = 0
    closed: int = 0
    """How often the API ended one."""

    async def trickle(self) -> None:
        """One of them, over and over."""
        while True:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.open += 1
            if self.open == self.count:
                self.all_open.set()
            try:
                writer.write(SLOW_HEAD)
                while True:
                    await writer.drain()
                    await asyncio.sleep(BYTE_EVERY_S)
                    writer.write(b"x")
            except ConnectionError:
                self.closed += 1
            finally:
                self.open -= 1
                writer.transport.abort()


async def measure(
    servers: Services, *, slow: int, streams: int, seconds: float
) -> dict[str, dict[str, float]]:
    """Latencies of `/healthz` by who else is there, and on which kind of connection."""
    async with servers.database() as database_url:
        connection = await asyncpg.connect(database_url)
        try:
            jobs = await seeded_jobs(connection, servers, streams)
        finally:
            await connection.close()
        async with running_api(servers, database_url) as api:
            measured = await _probed(api, "nobody else", seconds)
            async with listeners(api, jobs):
                measured |= await _probed(api, f"{streams} streams", seconds)
                async with _slow(api, slow) as trickling:
                    name = f"{streams} streams, {slow} slow"
                    measured |= await _probed(api, name, seconds)
                    print(f"{trickling.open} slow connections open, {trickling.closed} were closed")
    return measured


@asynccontextmanager
async def _slow(api: Api, count: int) -> AsyncGenerator[Slow]:
    slow = Slow(api.port, count, asyncio.Event())
    tasks = [asyncio.create_task(slow.trickle()) for _ in range(count)]
    try:
        await slow.all_open.wait()
        yield slow
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _probed(api: Api, name: str, seconds: float) -> dict[str, dict[str, float]]:
    kept, new = await asyncio.gather(
        _every_so_often(_on_one_connection(api.port), seconds),
        _every_so_often(lambda: _on_a_new_connection(api.port), seconds),
    )
    return {f"{name}, connection kept": kept, f"{name}, connection new": new}


async def _every_so_often(
    ask: Callable[[], Coroutine[Any, Any, None]], seconds: float
) -> dict[str, float]:
    waits: list[float] = []
    ends_at = time.perf_counter() + seconds
    while (started := time.perf_counter()) < ends_at:
        await ask()
        waits.append(time.perf_counter() - started)
        await asyncio.sleep(PAUSE_S)
    return {"requests": len(waits), **percentiles_ms(waits)}


def _on_one_connection(port: int) -> Callable[[], Coroutine[Any, Any, None]]:
    streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask() -> None:
        if not streams:
            streams.append(await asyncio.open_connection("127.0.0.1", port))
        await _ask(*streams[0])

    return ask


async def _on_a_new_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _ask(reader, writer)
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(PROBE)
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"/healthz answered {head[:60]!r}")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0]))


def main() -> int:
    given = _arguments()
    machine.allow_open_files()
    machine.require_open_files(given.slow + given.streams + SPARE_FILES)
    with services() as servers:
        measured = uvloop.run(
            measure(servers, slow=given.slow, streams=given.streams, seconds=given.seconds)
        )
    for name, row in measured.items():
        shown = "  ".join(f"{key[:-3]} {value:.1f}" for key, value in row.items() if "_ms" in key)
        print(f"{name:45} {row['requests']:6.0f} requests  ms: {shown}")
    kept = [row["p99_ms"] for name, row in measured.items() if name.endswith("kept")]
    return 0 if max(kept) <= P99_MS_MAX else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_connections")
    parser.add_argument("--slow", type=int, default=SLOW)
    parser.add_argument("--streams", type=int, default=STREAMS)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
