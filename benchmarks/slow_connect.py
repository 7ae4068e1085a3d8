"""A proxy that delays every new connection, as a serverless PostgreSQL does when it wakes up.

python -m benchmarks.slow_connect --port P --to-port Q --delay-s 0.5
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

from app.local.embedded.data_dir import LOOPBACK, free_port
from benchmarks.services import Services

CHUNK = 64 * 1024
START_TIMEOUT_S = 15.0


@asynccontextmanager
async def slow_connections(services: Services, *, delay_s: float) -> AsyncGenerator[int]:
    """The port of a proxy to the run's PostgreSQL, in a process of its own."""
    port = free_port()
    process = services.spawn(
        (
            *(sys.executable, "-m", "benchmarks.slow_connect", "--port", str(port)),
            *("--to-port", str(urlsplit(services.server_url).port), "--delay-s", str(delay_s)),
        ),
        services.environment(services.server_url),
        log="proxy.log",
    )
    try:
        await asyncio.wait_for(_until_listening(port), START_TIMEOUT_S)
        yield port
    finally:
        process.kill_group()


async def _until_listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


async def _serve(port: int, to_port: int, delay_s: float) -> None:
    server = await asyncio.start_server(
        partial(_forward, to_port=to_port, delay_s=delay_s), LOOPBACK, port
    )
    await server.serve_forever()


async def _forward(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_port: int, delay_s: float
) -> None:
    await asyncio.sleep(delay_s)
    with suppress(OSError):
        there, back = await asyncio.open_connection(LOOPBACK, to_port)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--to-port", type=int, required=True)
    parser.add_argument("--delay-s", type=float, required=True)
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.to_port, given.delay_s))


if __name__ == "__main__":
    main()
