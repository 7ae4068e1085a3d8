"""A TCP proxy before PostgreSQL that loses connections, at the worst moments too.

It reads just enough of the frontend's protocol (PostgreSQL manual, "Message Formats") to see a
COMMIT: a start-up message is a length and a body, every later one a type byte, a length and a
body. asyncpg begins and ends a transaction by a simple query, type `Q`. A statement that writes
outside of one commits at its Sync.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from struct import unpack
from urllib.parse import urlsplit

SSL_REQUEST = 80877103
ROUND_TRIPS = frozenset((b"Q", b"S", b"H"))
"""Query, Sync and Flush: after these a client waits for the server."""
READ_BYTES = 65_536
REPLY_WAIT_S = 15.0
"""A server that has not answered COMMIT by then has been stopped, or its client has."""

_LOST = (OSError, asyncio.IncompleteReadError)
_WRITES = re.compile(rb"\b(INSERT INTO|UPDATE|DELETE FROM)\b")


class _Frontend:
    """What a client has said: knows which message ends a transaction that may have written."""

    def __init__(self) -> None:
        self._writing: set[bytes] = set()
        self._is_in_transaction = False
        self._writes = False

    def commits(self, kind: bytes, body: bytes) -> bool:
        """Whether this message, the next one, commits."""
        match kind:
            case b"Q":
                return self._queries(body.rstrip(b"\0; ").upper())
            case b"P":
                name, statement, _ = body.split(b"\0", 2)
                self._writing.discard(name)
                if _WRITES.search(statement):
                    self._writing.add(name)
            case b"B":
                _, name, _ = body.split(b"\0", 2)
                self._writes = name in self._writing
            case b"S":
                written, self._writes = self._writes, False
                return written and not self._is_in_transaction
            case _:
                pass
        return False

    def _queries(self, query: bytes) -> bool:
        if query.startswith(b"BEGIN"):
            self._is_in_transaction = True
        elif query in (b"COMMIT", b"ROLLBACK"):
            self._is_in_transaction = False
        return query == b"COMMIT"


@dataclass(eq=False)
class _Link:
    """A client's connection and the one to the server that stands behind it."""

    client: asyncio.StreamReader
    to_client: asyncio.StreamWriter
    server: asyncio.StreamReader
    to_server: asyncio.StreamWriter

    def cut(self) -> None:
        """Resets both, as a dying network does."""
        for writer in (self.to_client, self.to_server):
            writer.transport.abort()


class Proxy:
    """Relays to `upstream_url` between `open` and `close`; what it is armed with goes off once."""

    def __init__(self, upstream_url: str) -> None:
        self._upstream = urlsplit(upstream_url)
        self._server: asyncio.Server | None = None
        self._links: dict[_Link, None] = {}
        self._relays: set[asyncio.Task[None]] = set()
        self.commits_to_drop = 0
        """So many of the next COMMITs are lost with their connection; the server sees none."""
        self.commits_to_cut = 0
        """So many of the next COMMITs happen; the connection is lost before the reply arrives."""
        self.refusals = 0
        """So many of the next connections get 53300, too_many_connections."""
        self.delay_s = 0.0
        """So far away is the server: each round trip takes this much longer."""
        self.commits_dropped = self.commits_cut = self.refused = self.connections_cut = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    @property
    def url(self) -> str:
        """Where a client finds the same database through this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        credentials = self._upstream.netloc.rpartition("@")[0]
        return self._upstream._replace(netloc=f"{credentials}@127.0.0.1:{port}").geturl()

    def cut(self, share: float = 1.0) -> None:
        """Cuts this share of the open connections, at least one, the oldest first."""
        links = list(self._links)
        for link in links[: max(1, round(len(links) * share))]:
            link.cut()
            self.connections_cut += 1

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        link: _Link | None = None
        try:
            upstream = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
            link = _Link(client, to_client, *upstream)
            self._links[link] = None
            if await self._starts(link):
                await self._pump(link)
        except (*_LOST, asyncio.CancelledError):
            pass  # Lost: by one of the two sides, or on purpose.
        finally:
            self._relays.discard(task)
            to_client.transport.abort()
            if link is not None:
                self._links.pop(link)
                link.cut()

    async def _starts(self, link: _Link) -> bool:
        """Relays what precedes the typed messages; False when the connection is refused."""
        while True:
            length = await link.client.readexactly(4)
            body = await link.client.readexactly(unpack("!I", length)[0] - 4)
            if unpack("!I", body[:4])[0] == SSL_REQUEST:
                link.to_server.write(length + body)
                link.to_client.write(await link.server.readexactly(1))
                continue
            if self.refusals > 0:
                self.refusals -= 1
                self.refused += 1
                link.to_client.write(_TOO_MANY)
                await link.to_client.drain()
                link.to_client.close()
                with suppress(OSError):
                    await link.to_client.wait_closed()
                return False
            link.to_server.write(length + body)
            return True

    async def _pump(self, link: _Link) -> None:
        """Both ways, until one of them ends."""
        replies = asyncio.create_task(_copy(link.server, link.to_client))
        asks = asyncio.create_task(self._ask(link, replies))
        try:
            await asyncio.wait({replies, asks}, return_when=asyncio.FIRST_COMPLETED)
            if replies.cancelled():
                await asks  # A COMMIT whose reply is being swallowed.
        finally:
            for way in (replies, asks):
                way.cancel()
            await asyncio.gather(replies, asks, return_exceptions=True)

    async def _ask(self, link: _Link, replies: "asyncio.Task[None]") -> None:
        frontend = _Frontend()
        while True:
            head = await link.client.readexactly(5)
            body = await link.client.readexactly(unpack("!I", head[1:])[0] - 4)
            if self.delay_s and head[:1] in ROUND_TRIPS:
                await asyncio.sleep(self.delay_s)
            if frontend.commits(head[:1], body):
                if self.commits_to_drop > 0:
                    self.commits_to_drop -= 1
                    self.commits_dropped += 1
                    return
                if self.commits_to_cut > 0:
                    self.commits_to_cut -= 1
                    await self._commit_unheard(link, head + body, replies)
                    return
            link.to_server.write(head + body)
            await link.to_server.drain()

    async def _commit_unheard(
        self, link: _Link, commit: bytes, replies: "asyncio.Task[None]"
    ) -> None:
        replies.cancel()
        with suppress(asyncio.CancelledError):
            await replies
        link.to_server.write(commit)
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLY_WAIT_S):
                await _until_ready(link.server)
                self.commits_cut += 1


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


async def _until_ready(server: asyncio.StreamReader) -> None:
    """Reads the server's replies up to ReadyForQuery: the transaction is over."""
    while True:
        head = await server.readexactly(5)
        await server.readexactly(unpack("!I", head[1:])[0] - 4)
        if head[:1] == b"Z":
            return


def _error_response(code: str, message: str) -> bytes:
    fields = (("S", "FATAL"), ("V", "FATAL"), ("C", code), ("M", message))
    body = b"".join(f"{key}{value}".encode() + b"\0" for key, value in fields) + b"\0"
    return b"E" + (len(body) + 4).to_bytes(4, "big") + body


_TOO_MANY = _error_response("53300", "sorry, too many clients already")
