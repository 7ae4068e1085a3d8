"""A load client, in a process of its own: prepared requests over kept connections.

    python -m benchmarks.http_load < plan.json > result.json

Closed: each connection sends its next request when the last one is answered. Open: requests are
due at a fixed rate, and their latency counts from when they were due, so that a stall is not
hidden by the requests that were never sent.
"""

import asyncio
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import uvloop

HEAD_END = b"\r\n\r\n"
DRAIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Plan:
    """`requests` are whole HTTP/1.1 requests; none is sent twice. No `rate_s`: closed."""

    port: int
    connections: int
    seconds: float
    rate_s: float | None
    requests: Sequence[str]


@dataclass
class Result:
    """Latencies of the answers in seconds; `seconds` is the time they took in all."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    ran_dry: bool = False


async def run_plan(plan: Plan) -> Result:
    """Sends what is planned from another process and waits for it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.http_load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the runner to answer.
    )
    try:
        async with asyncio.timeout(plan.seconds + DRAIN_S + 20):
            output, _ = await process.communicate(json.dumps(asdict(plan)).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Result(**json.loads(output))


class _Connection(asyncio.Protocol):
    """One request at a time; tells its load when it is free again."""

    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._received = b""
        self._since = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self, request: bytes, since: float) -> None:
        self._since = since
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(HEAD_END)
        if head_end < 0:
            return
        head = self._received[:head_end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self._received) < head_end + len(HEAD_END) + length:
            return
        self._received = b""
        self._load.answered(self, head[9:12].decode(), time.perf_counter() - self._since)

    def close(self) -> None:
        self._transport.close()


class _Load:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._requests = deque(request.encode() for request in plan.requests)
        self._due: deque[float] = deque()
        self._free: list[_Connection] = []
        self._statuses: Counter[str] = Counter()
        self._until = 0.0
        self._last = 0.0
        self.result = Result()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        opened = [
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._plan.port)
            for _ in range(self._plan.connections)
        ]
        self._free = [connection for _, connection in opened]
        started = time.perf_counter()
        self._until = started + self._plan.seconds
        if self._plan.rate_s is None:
            for connection in self._free:
                self._send(connection, time.perf_counter())
        else:
            await self._keep_rate(started, self._plan.rate_s)
        await asyncio.sleep(max(0.0, self._until - time.perf_counter()))
        answers = len(self.result.latencies)
        self.result.seconds = self._plan.seconds
        await asyncio.sleep(0.5)  # Answers that are on their way.
        del self.result.latencies[answers:]
        self.result.statuses = dict(self._statuses)
        for _, connection in opened:
            connection.close()

    def answered(self, connection: _Connection, status: str, latency_s: float) -> None:
        self._statuses[status] += 1
        self.result.latencies.append(latency_s)
        if self._plan.rate_s is not None:
            if self._due:
                self._send(connection, self._due.popleft())
            else:
                self._free.append(connection)
        elif time.perf_counter() < self._until:
            self._send(connection, time.perf_counter())

    async def _keep_rate(self, started: float, rate_s: float) -> None:
        sent = 0
        while (now := time.perf_counter()) < self._until:
            while started + sent / rate_s <= now:
                due = started + sent / rate_s
                sent += 1
                if self._free:
                    self._send(self._free.pop(), due)
                else:
                    self._due.append(due)
            await asyncio.sleep(max(0.0, started + sent / rate_s - time.perf_counter()))

    def _send(self, connection: _Connection, since: float) -> None:
        if self._requests:
            connection.send(self._requests.popleft(), since)
        else:
            self.result.ran_dry = True


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    load = _Load(plan)
    uvloop.run(load.run())
    json.dump(asdict(load.result), sys.stdout)


if __name__ == "__main__":
    main()
