"""A server that says what a table tells it to, one exchange after another."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One request that is expected, and its answer."""

    body: str
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Seen:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class TableServer:
    """`async with TableServer(exchanges) as server:` answers at `server.base_url`."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.left = deque(exchanges)
        self.seen: list[Seen] = []

    async def __aenter__(self) -> "TableServer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in lines if line)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.seen.append(Seen(first.split(" ")[1], headers, json.loads(body)))
                writer.write(self._answer())
                await writer.drain()
        writer.transport.abort()

    def _answer(self) -> bytes:
        # More calls than the table has: the test reads that from `seen`.
        told = self.left.popleft() if self.left else Exchange("{}", 418)
        body = told.body.encode()
        headers = {"content-type": "application/json", "content-length": str(len(body))}
        headers |= told.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {told.status} Told\r\n{head}\r\n".encode() + body
