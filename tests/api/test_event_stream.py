import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from app.api.event_stream import ABORT, EventStream
from app.progress.subscriptions import sse_event

DEADLINE_S = 60


class Client:
    """An ASGI server with one client, who may leave, or stop to read after some messages."""

    def __init__(self, *, reads: int | None = None) -> None:
        self.sent: list[Any] = []
        self.left = asyncio.Event()
        self.listened = asyncio.Event()
        self.was_cut = False
        self._reads = reads

    async def receive(self) -> Any:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self._reads is not None and len(self.sent) >= self._reads:
            await asyncio.Event().wait()
        self.sent.append(message)
        if len(self.sent) == 2:
            self.listened.set()

    async def ask(self, stream: EventStream) -> None:
        def cut() -> None:
            self.was_cut = True

        async with asyncio.timeout(DEADLINE_S):
            await stream({"type": "http", ABORT: cut}, self.receive, self.send)


class Events:
    """Events without end, or so many; knows whether it was told to stop."""

    def __init__(self, count: int | None = None) -> None:
        self.is_closed = False
        self._count = count

    async def all(self) -> AsyncGenerator[bytes]:
        number = 0
        try:
            while self._count is None or number < self._count:
                number += 1
                yield sse_event("snapshot", "{}", number=number)
                await asyncio.sleep(0)
        finally:
            self.is_closed = True


async def test_events_are_sent_one_by_one_and_the_answer_is_completed() -> None:
    client, events = Client(), Events(2)
    await client.ask(EventStream(events.all()))
    start, *bodies = client.sent
    assert start["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert not [name for name, _ in start["headers"] if name == b"content-length"]
    assert [body["body"] for body in bodies] == [
        b"event: snapshot\ndata: {}\nid: 1\n\n",
        b"event: snapshot\ndata: {}\nid: 2\n\n",
        b"",
    ]
    assert [body["more_body"] for body in bodies] == [True, True, False]
    assert events.is_closed
    assert not client.was_cut


async def test_when_the_client_leaves_nothing_more_is_made_for_it() -> None:
    client, events = Client(), Events()
    asked = asyncio.create_task(client.ask(EventStream(events.all())))
    await client.listened.wait()
    client.left.set()
    await asked
    assert events.is_closed


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    client, events = Client(reads=2), Events()
    await client.ask(EventStream(events.all(), send_s_max=0.05))
    assert client.was_cut
    assert events.is_closed
    assert len(client.sent) == 2


async def test_a_cancelled_stream_ends_its_events() -> None:
    client, events = Client(reads=2), Events()
    asked = asyncio.create_task(client.ask(EventStream(events.all())))
    await client.listened.wait()
    asked.cancel()
    await asyncio.wait({asked})
    assert asked.cancelled()
    assert events.is_closed
    assert not client.was_cut
