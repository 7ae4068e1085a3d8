"""A server on a loopback socket, and a client of it that sends bytes as it likes."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from app.api.http_protocol import BoundedHttpProtocol

DEADLINE_S = 60
HELLO = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """Of a problem document."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert json.loads(self.body)["status"] == self.status
        return json.loads(self.body)["code"]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it understood, once it has the whole body."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    told = {
        "path": scope["path"],
        "names": [name.decode() for name, _ in scope["headers"]],
        "body": body.decode("latin-1"),
    }
    await answer(send, json.dumps(told).encode())


async def hasty(_scope: Any, _receive: Any, send: Any) -> None:
    """Answers without reading a body."""
    await answer(send, b"{}")


async def answer(send: Any, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app: Any, protocol: Any = BoundedHttpProtocol) -> AsyncGenerator[int]:
    """`app` on a port of this process's loop."""
    config = uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    port = listener.getsockname()[1]
    async with asyncio.timeout(DEADLINE_S):
        running = asyncio.create_task(server.serve([listener]))
        while not server.started:
            assert not running.done()
            await asyncio.sleep(0)
        try:
            yield port
        finally:
            server.should_exit = True
            server.force_exit = True
            await running


class Connection:
    """One connection; use it as a context."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        raw = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.transport.abort()

    async def send(self, *pieces: bytes) -> bool:
        """One after the other, each read by the server before the next; False if it hung up."""
        try:
            for number, piece in enumerate(pieces):
                if number:
                    await reached(self._port)
                self._writer.write(piece)
                await self._writer.drain()
        except ConnectionError:
            return False
        return True

    def leave(self) -> None:
        """Ends the connection without a word."""
        self._writer.transport.abort()

    async def head(self) -> tuple[int, dict[str, str]]:
        """Status and headers of the next answer; 0 when the connection ends before."""
        line = await self._reader.readline()
        headers: dict[str, str] = {}
        while line and (field := await self._reader.readline()) not in (b"\r\n", b""):
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        return (int(line.split()[1]) if line else 0), headers

    async def rest_of_chunks(self) -> bytes:
        """What comes in chunks until the answer is complete."""
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += (await self._reader.readexactly(size + 2))[:-2]
        return body

    async def answer(self) -> Answer | None:
        """The next answer; None when the connection ends before one begins."""
        try:
            status, headers = await self.head()
            body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        except ConnectionError:
            return None
        return Answer(status, headers, body) if status else None

    async def everything(self) -> bytes:
        """What comes until the server ends the connection."""
        received = bytearray()
        try:
            while piece := await self._reader.read(65_536):
                received += piece
        except ConnectionError:
            pass
        return bytes(received)

    async def answers(self) -> list[Answer]:
        """All answers until the server ends the connection."""
        found: list[Answer] = []
        while (one := await self.answer()) is not None:
            found.append(one)
        return found


async def reached(port: int) -> None:
    """Waits until a server of this machine has read what was sent to it before."""
    async with Connection(port) as other:
        await other.send(HELLO)
        assert await other.answer() is not None


async def told(port: int, *pieces: bytes) -> list[Answer]:
    """All answers to these bytes on a connection of their own, which the server must end."""
    async with Connection(port) as connection:
        await connection.send(*pieces)
        return await connection.answers()


async def told_split(port: int, sent: bytes, places: Iterable[int]) -> list[list[Answer]]:
    """As `told`, once for each place where the bytes are split in two, all at the same time."""

    async def one(place: int) -> list[Answer]:
        return await told(port, sent[:place], sent[place:])

    return await asyncio.gather(*map(one, places))
