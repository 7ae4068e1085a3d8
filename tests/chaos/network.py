"""The network before a server: its packets vanish, it forgets connections, it is far away.

Where network namespaces can be made, a line listens in one of its own, at the far end of a pair of
virtual devices: what it sends is dropped by a rule there, so that nobody hears anything, not even
that a connection was refused. Elsewhere it listens on loopback and swallows what it is sent.
"""

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

READ_BYTES = 65_536
BACKLOG = 512
NETWORK = "10.98"
CLONE_NEWNET = 0x4000_0000

_numbers = count(1)


class Namespace:
    """A network namespace with one address, which this process reaches through a device pair."""

    def __init__(self) -> None:
        """Raises OSError or CalledProcessError where that may not be done."""
        number, block = next(_numbers), os.getpid() % 250
        self.name = f"sixfold-{os.getpid()}-{number}"
        near, far = f"sx{os.getpid()}n{number}", f"sx{os.getpid()}f{number}"
        network = f"{NETWORK}.{block}.{number * 4}"
        self.address = f"{network.rpartition('.')[0]}.{number * 4 + 2}"
        _ip("netns", "add", self.name)
        try:
            _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
            _ip("addr", "add", f"{NETWORK}.{block}.{number * 4 + 1}/30", "dev", near)
            _ip("link", "set", near, "up")
            _ip("-n", self.name, "addr", "add", f"{self.address}/30", "dev", far)
            _ip("-n", self.name, "link", "set", far, "up")
        except subprocess.CalledProcessError:
            self.remove()
            raise

    def listen(self) -> socket.socket:
        """A socket that listens in the namespace: it stays there, whoever reads it."""
        with ThreadPoolExecutor(max_workers=1) as thread:  # A namespace is entered by a thread.
            return thread.submit(self._listen).result()

    def silence(self, *, is_silent: bool) -> None:
        """Whether every packet that comes from there is dropped."""
        what = "add" if is_silent else "del"
        _ip("-n", self.name, "rule", what, "from", self.address, "blackhole")

    def remove(self) -> None:
        _ip("netns", "del", self.name)

    def _listen(self) -> socket.socket:
        with Path("/run/netns", self.name).open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        return _listening(self.address)


class _Link:
    """A client's connection and the one to the server behind it."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self.is_deaf = False
        """Forgotten in between: neither side hears the other any more, nor that it has ended."""

    def abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class Line:
    """Relays to a server between `open` and `close`."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._detour: tuple[str, int] | None = None
        self._server: asyncio.Server | None = None
        self._namespace: Namespace | None = None
        self._links: set[_Link] = set()
        self._relays: set[asyncio.Task[None]] = set()
        self._is_swallowing = False
        self.delay_s = 0.0
        """What is sent arrives so much later, each way."""
        self.host, self.port = "", 0

    async def open(self) -> None:
        self._namespace = await asyncio.to_thread(_namespace)
        listening = self._namespace.listen() if self._namespace else _listening("127.0.0.1")
        self.host, self.port = listening.getsockname()
        self._server = await asyncio.start_server(self._relay, sock=listening)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for relay in list(self._relays):
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)
        if self._namespace is not None:
            await asyncio.to_thread(self._namespace.remove)

    @property
    def drops_packets(self) -> bool:
        """Whether silence is of packets, or only of bytes."""
        return self._namespace is not None

    def through(self, url: str) -> str:
        """The same server by this line."""
        credentials = urlsplit(url).netloc.rpartition("@")[0]
        place = f"{self.host}:{self.port}"
        return (
            urlsplit(url)
            ._replace(netloc=f"{credentials}@{place}" if credentials else place)
            .geturl()
        )

    async def silence(self, *, is_silent: bool) -> None:
        """Whether nothing comes through, and nobody is told."""
        if self._namespace is None:
            self._is_swallowing = is_silent
        else:
            await asyncio.to_thread(self._namespace.silence, is_silent=is_silent)

    def forget(self) -> None:
        """The connections there are stay open at the client, and lead nowhere: half-open."""
        for link in self._links:
            link.is_deaf = True

    def lead_to(self, place: tuple[str, int] | None) -> None:
        """Cuts all connections; new ones lead to another server, None is the one behind it."""
        self._detour = place
        for link in self._links:
            link.abort()

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays.add(task)
        link = _Link(to_client)
        try:
            server, to_server = await asyncio.open_connection(*(self._detour or self._upstream))
            link = _Link(to_client, to_server)
            self._links.add(link)
            replies = asyncio.create_task(self._pump(server, to_client, link))
            asks = asyncio.create_task(self._pump(client, to_server, link))
            try:
                await asyncio.wait({replies, asks}, return_when=asyncio.FIRST_COMPLETED)
                if link.is_deaf:
                    await asks
            finally:
                for way in (replies, asks):
                    way.cancel()
                await asyncio.gather(replies, asks, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # Lost by one of the two sides, or the campaign is over.
        finally:
            self._relays.discard(task)
            self._links.discard(link)
            link.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: _Link
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(READ_BYTES):
                link.is_deaf |= self._is_swallowing
                if link.is_deaf:
                    continue
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(chunk)
                await writer.drain()


def _namespace() -> Namespace | None:
    if shutil.which("ip") is None or os.geteuid() != 0:
        return None
    try:
        return Namespace()
    except (OSError, subprocess.CalledProcessError):
        return None


@cache
def can_drop_packets() -> bool:
    """Whether network namespaces can be made on this machine."""
    namespace = _namespace()
    if namespace is not None:
        namespace.remove()
    return namespace is not None


def _listening(address: str) -> socket.socket:
    listening = socket.socket()
    listening.bind((address, 0))
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
