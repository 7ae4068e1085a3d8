"""A TCP proxy in front of PostgreSQL that cuts connections, at the worst moments too."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

CHUNK = 65_536
COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""A simple query, as asyncpg ends a transaction."""
REPLY_WAIT_S = 2.0


@dataclass(eq=False)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    replied: asyncio.Event = field(default_factory=asyncio.Event)
    is_doomed: bool = False
    """Its next reply is swallowed, then it is cut."""

    def cut(self) -> None:
        for writer in (self.client, self.server):
            if writer.transport is not None:
                writer.transport.abort()


class Proxy:
    """Forwards to `host:port`. Every connection it cuts is reset, as by a dying network."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.commits_to_cut = 0
        self.commits_to_drop = 0
        self.commits_cut = 0
        self.commits_dropped = 0
        self.connections_cut = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for link in list(self._links):
            link.cut()

    def cut(self, share: float) -> None:
        """Cuts this share of the open connections; the oldest first."""
        links = list(self._links)
        for link in links[: max(1, round(len(links) * share))]:
            link.cut()
            self.connections_cut += 1

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream, server = await asyncio.open_connection(*self._upstream)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, server)
        self._links.add(link)
        ways = [
            asyncio.create_task(self._forward_asks(reader, link)),
            asyncio.create_task(self._forward_replies(upstream, link)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._links.discard(link)
            link.cut()

    async def _forward_asks(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if COMMIT in chunk:
                    if self.commits_to_drop:
                        self.commits_to_drop -= 1
                        self.commits_dropped += 1
                        return
                    if self.commits_to_cut:
                        self.commits_to_cut -= 1
                        await self._commit_and_cut(chunk, link)
                        return
                link.server.write(chunk)
                await link.server.drain()

    async def _commit_and_cut(self, chunk: bytes, link: _Link) -> None:
        link.is_doomed = True
        link.replied.clear()
        link.server.write(chunk)
        with suppress(TimeoutError):
            async with asyncio.timeout(REPLY_WAIT_S):
                await link.replied.wait()
                self.commits_cut += 1

    async def _forward_replies(self, upstream: asyncio.StreamReader, link: _Link) -> None:
        with suppress(OSError):
            while chunk := await upstream.read(CHUNK):
                if link.is_doomed:
                    link.replied.set()
                    await asyncio.Event().wait()
                link.client.write(chunk)
                await link.client.drain()
