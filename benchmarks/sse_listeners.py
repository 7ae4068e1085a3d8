"""Many listeners of event streams in one process: when did each version of each job arrive?

    python -m benchmarks.sse_listeners PORT < requests.json > arrivals.json

Says `ready` on standard error once every listener had its first snapshot; listens until its
standard input is closed. Times are `time.monotonic()`, one clock for all processes of Linux.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

import uvloop

EVENT = re.compile(rb"^id: ?(\d+)", re.MULTILINE)
READY_S_MAX = 60.0
CONNECTING_AT_ONCE = 50


class Listener(asyncio.Protocol):
    def __init__(self, number: int, request: bytes, arrivals: list[tuple[int, int, float]]) -> None:
        self._number = number
        self._request = request
        self._arrivals = arrivals
        self._rest = b""
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.first.done():
            self.first.set_exception(ConnectionError("the stream ended before its first event"))

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        for found in EVENT.finditer(lines):
            self._arrivals.append((self._number, int(found[1]), now))
            if not self.first.done():
                self.first.set_result(None)


async def listen(port: int, requests: list[str]) -> list[tuple[int, int, float]]:
    arrivals: list[tuple[int, int, float]] = []
    places = asyncio.Semaphore(CONNECTING_AT_ONCE)
    loop = asyncio.get_running_loop()

    async def open_one(number: int, request: str) -> None:
        async with places:
            _, listener = await loop.create_connection(
                lambda: Listener(number, request.encode(), arrivals), "127.0.0.1", port
            )
            await listener.first

    async with asyncio.timeout(READY_S_MAX):
        await asyncio.gather(*(open_one(n, request) for n, request in enumerate(requests)))
    sys.stderr.write("ready\n")
    sys.stderr.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    return arrivals


def main() -> None:
    requests = json.loads(sys.stdin.readline())
    arrivals = uvloop.run(listen(int(sys.argv[1]), requests))
    json.dump(arrivals, sys.stdout)


if __name__ == "__main__":
    main()
