"""A TCP relay whose network fails without a word: bytes vanish, nothing is closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

READ_BYTES = 65_536


class Wire:
    """Relays any protocol to `url`, as well as the network between them is at the moment."""

    def __init__(self, url: str) -> None:
        self._upstream = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._forgotten: set[asyncio.Task[None]] = set()
        self.delay_s = 0.0
        """So much longer does every packet take, each way."""
        self.accepted = self.swallowed = 0
        """Connections so far, and packets that vanished."""

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
        """Where a client finds the same service through this wire."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        credentials = "".join(self._upstream.netloc.rpartition("@")[:2])
        return self._upstream._replace(netloc=f"{credentials}127.0.0.1:{port}").geturl()

    def fall_silent(self) -> None:
        """From now on packets vanish, also those of connections that are made meanwhile."""
        self._speaks.clear()

    def heal(self) -> None:
        """Packets arrive again, of new connections and of those that were open."""
        self.delay_s = 0.0
        self._speaks.set()

    def forget_connections(self) -> None:
        """Leaves the open connections half open, for ever: the other side has forgotten them."""
        self._forgotten |= self._relays

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        self.accepted += 1
        to_server: asyncio.StreamWriter | None = None
        try:
            await self._speaks.wait()
            server, to_server = await asyncio.open_connection(
                self._upstream.hostname, self._upstream.port
            )
            ways = [
                asyncio.create_task(self._copy(client, to_server, task)),
                asyncio.create_task(self._copy(server, to_client, task)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # One of the two sides is gone, or the test is over.
        finally:
            self._relays.discard(task)
            self._forgotten.discard(task)
            for writer in (to_client, to_server):
                if writer is not None:
                    writer.transport.abort()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, relay: asyncio.Task[None]
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(READ_BYTES):
                if not self._speaks.is_set() or relay in self._forgotten:
                    self.swallowed += 1
                    continue
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(chunk)
                await writer.drain()


@asynccontextmanager
async def wired(url: str) -> AsyncIterator[Wire]:
    """An open wire before the service of `url`."""
    wire = Wire(url)
    await wire.open()
    try:
        yield wire
    finally:
        await wire.close()
