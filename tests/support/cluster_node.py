"""A node of a Redis cluster that has none of the keys: it always refers to another one.

It reads as much of the protocol (RESP2) as a client sends: arrays of bulk strings.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

MOVED = b"-MOVED 866 127.0.0.1:1\r\n"
OF_THE_CONNECTION = frozenset((b"AUTH", b"CLIENT", b"PING", b"SELECT"))


@asynccontextmanager
async def cluster_node() -> AsyncIterator[tuple[str, int]]:
    """Its host and port."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
        while True:
            words = [await _word(reader) for _ in range(int((await _line(reader))[1:]))]
            writer.write(b"+OK\r\n" if words[0].upper() in OF_THE_CONNECTION else MOVED)
            await writer.drain()
    writer.transport.abort()


async def _line(reader: asyncio.StreamReader) -> bytes:
    return (await reader.readuntil(b"\r\n"))[:-2]


async def _word(reader: asyncio.StreamReader) -> bytes:
    length = int((await _line(reader))[1:])
    return (await reader.readexactly(length + 2))[:-2]
