"""Lines to a server: silent, forgetful, or leading elsewhere; and nobody is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.chaos import network
from tests.chaos.network import Line

DEADLINE_S = 60
ROUND_TRIPS = 100


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def ask(self, word: bytes) -> "asyncio.Task[bytes]":
        self._writer.write(word + b"\n")
        return asyncio.create_task(self._reader.readline())

    def close(self) -> None:
        self._writer.transport.abort()


class Wire:
    """A line to a server that repeats what it hears after a word of its own; and its clients."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack
        self.heard = 0

    async def open(self) -> None:
        self.line = Line(*await self.serve(b"one "))
        await self.line.open()
        self._stack.push_async_callback(self.line.close)

    async def serve(self, word: bytes) -> tuple[str, int]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._stack.callback(writer.transport.abort)
            while line := await reader.readline():
                self.heard += 1
                writer.write(word + line)

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        self._stack.callback(server.close)
        place: tuple[str, int] = server.sockets[0].getsockname()
        return place

    async def connect(self, place: tuple[str, int] | None = None) -> Connection:
        host, port = place or (self.line.host, self.line.port)
        made = Connection(*await asyncio.open_connection(host, port))
        self._stack.callback(made.close)
        return made


@pytest.fixture(params=["packets", "bytes"] if network.can_drop_packets() else ["bytes"])
async def wire(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Wire]:
    if request.param == "bytes":
        monkeypatch.setattr(network, "_namespace", lambda: None)
    async with AsyncExitStack() as stack, asyncio.timeout(DEADLINE_S):
        made = Wire(stack)
        await made.open()
        yield made


async def test_a_silent_line_brings_nothing_and_ends_nothing(wire: Wire) -> None:
    before = await wire.connect()
    assert await before.ask(b"a") == b"one a\n"
    await wire.line.silence(is_silent=True)
    unanswered = before.ask(b"b")
    loud = await wire.connect(await wire.serve(b"two "))
    for _ in range(ROUND_TRIPS):
        assert await loud.ask(b"x") == b"two x\n"
    assert not unanswered.done()
    await wire.line.silence(is_silent=False)
    assert await (await wire.connect()).ask(b"c") == b"one c\n"
    if wire.line.drops_packets:
        assert await unanswered == b"one b\n", "what was dropped is sent again"
    unanswered.cancel()


async def test_a_forgotten_connection_is_open_and_dead(wire: Wire) -> None:
    before = await wire.connect()
    assert await before.ask(b"a") == b"one a\n"
    wire.line.forget()
    unanswered = before.ask(b"b")
    assert await (await wire.connect()).ask(b"c") == b"one c\n"
    assert wire.heard == 2
    assert not unanswered.done()
    unanswered.cancel()


async def test_a_line_may_lead_to_another_server_and_back(wire: Wire) -> None:
    before = await wire.connect()
    assert await before.ask(b"a") == b"one a\n"
    wire.line.lead_to(await wire.serve(b"two "))
    with pytest.raises(ConnectionError):
        await before.ask(b"b")
    assert await (await wire.connect()).ask(b"c") == b"two c\n"
    wire.line.lead_to(None)
    assert await (await wire.connect()).ask(b"d") == b"one d\n"


async def test_a_url_leads_through_the_line(wire: Wire) -> None:
    place = f"{wire.line.host}:{wire.line.port}"
    assert wire.line.through("redis://:p@127.0.0.1:1/0") == f"redis://:p@{place}/0"
    assert wire.line.through("http://127.0.0.1:1/") == f"http://{place}/"
