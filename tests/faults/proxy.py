"""A TCP proxy before PostgreSQL that loses connections at the worst moments.

It reads just enough of the frontend's protocol (PostgreSQL manual, "Message Formats") to see a
COMMIT: a start-up message is a length and a body, every later one a type byte, a length and a
body; asyncpg ends a transaction by a simple query, type `Q`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto
from struct import unpack
from urllib.parse import urlsplit

SSL_REQUEST = 80877103
READ_BYTES = 65_536


class Cut(Enum):
    """What happens to the next connection that sends COMMIT."""

    BEFORE_COMMIT = auto()
    """It is lost and the server never sees the COMMIT."""
    AFTER_COMMIT = auto()
    """The server commits; the connection is lost before its reply arrives."""


class Proxy:
    """Relays to `upstream`; a test arms it. Ends with `close`."""

    def __init__(self, upstream_url: str) -> None:
        self._upstream_url = upstream_url
        self.cut: Cut | None = None
        self.refusals = 0
        """So many of the next connections get 53300, too_many_connections."""
        self.refused = 0
        self.commits_cut = 0
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.lose_all()
        await asyncio.gather(*self._relays, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where a client finds the same database through this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        parts = urlsplit(self._upstream_url)
        credentials = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{credentials}@127.0.0.1:{port}").geturl()

    def lose_all(self) -> None:
        """Every connection is lost, now."""
        for relay in self._relays:
            relay.cancel()

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        to_server: asyncio.StreamWriter | None = None
        try:
            parts = urlsplit(self._upstream_url)
            server, to_server = await asyncio.open_connection(parts.hostname, parts.port)
            if await self._starts(client, to_client, server, to_server):
                await self._pump(client, to_client, server, to_server)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # Lost: by one of the two sides, or on purpose.
        finally:
            self._relays.discard(task)
            for writer in (to_client, to_server):
                if writer is not None:
                    writer.transport.abort()

    async def _starts(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> bool:
        """Relays what precedes the typed messages; False when the connection is refused."""
        while True:
            length = await client.readexactly(4)
            body = await client.readexactly(unpack("!I", length)[0] - 4)
            if unpack("!I", body[:4])[0] == SSL_REQUEST:
                to_server.write(length + body)
                to_client.write(await server.readexactly(1))
                continue
            if self.refusals > 0:
                self.refusals -= 1
                self.refused += 1
                to_client.write(_TOO_MANY)
                await to_client.drain()
                to_client.close()
                with suppress(OSError):
                    await to_client.wait_closed()
                return False
            to_server.write(length + body)
            return True

    async def _pump(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        replies = asyncio.create_task(_copy(server, to_client))
        try:
            while True:
                head = await client.readexactly(5)
                body = await client.readexactly(unpack("!I", head[1:])[0] - 4)
                if self.cut is not None and _is_commit(head, body):
                    cut, self.cut = self.cut, None
                    self.commits_cut += 1
                    if cut is Cut.AFTER_COMMIT:
                        replies.cancel()
                        with suppress(asyncio.CancelledError):
                            await replies
                        to_server.write(head + body)
                        await _until_ready(server)
                    return
                to_server.write(head + body)
        finally:
            replies.cancel()


@asynccontextmanager
async def proxied(upstream_url: str) -> AsyncIterator[Proxy]:
    """An open proxy before the database of `upstream_url`."""
    proxy = Proxy(upstream_url)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(READ_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def _until_ready(server: asyncio.StreamReader) -> None:
    """Reads the server's replies up to ReadyForQuery: the transaction is over."""
    while True:
        head = await server.readexactly(5)
        await server.readexactly(unpack("!I", head[1:])[0] - 4)
        if head[:1] == b"Z":
            return


def _is_commit(head: bytes, body: bytes) -> bool:
    return head[:1] == b"Q" and body.rstrip(b"\0; ").upper() == b"COMMIT"


def _error_response(code: str, message: str) -> bytes:
    fields = (("S", "FATAL"), ("V", "FATAL"), ("C", code), ("M", message))
    body = b"".join(f"{key}{value}".encode() + b"\0" for key, value in fields) + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body


_TOO_MANY = _error_response("53300", "sorry, too many clients already")
