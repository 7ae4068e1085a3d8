"""Server-sent events (WHATWG HTML, "Server-sent events") for thousands of listeners a process.

One task follows the events and one waits for the client to leave. The framework's own stream
has four, and three buffers between them: with it a listener cost twice the memory.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

PING = b": ping\n\n"
"""A comment: keeps proxies from closing a connection on which nothing happens."""
PING_EVERY_S = 15.0
SEND_S_MAX = 20.0
"""A client that takes longer to read what fits no buffer any more is dropped."""

ABORT = "sixfold.abort"
"""The key of the ASGI scope under which the server leaves what cuts the connection."""


def remember_abort(scope: MutableMapping[str, Any], receive: Receive) -> None:
    """Leaves the connection's `abort` in the scope, if the server is one that has it (uvicorn)."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        scope[ABORT] = transport.abort


class EventStream(Response):
    """Sends events as they come; ends with them, or when the client leaves or does not read."""

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        *,
        place: AbstractAsyncContextManager[None] | None = None,
        send_s_max: float = SEND_S_MAX,
    ) -> None:
        """`place` is held while the stream lasts; what it raises is answered in its stead."""
        super().__init__(
            headers={
                "cache-control": "no-cache",
                "x-accel-buffering": "no",  # nginx would keep events back.
            }
        )
        del self.headers["content-length"]
        self._events = events
        self._place = place or nullcontext()
        self._send_s_max = send_s_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers the request."""
        async with aclosing(self._events), self._place:
            await self._follow(scope, receive, send)

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        leaving: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(None) as staying:
                leaving = asyncio.create_task(_until_left(receive, staying))
                await self._send_all(send)
        except TimeoutError:
            # The client left, or it does not read: what it still has coming is not kept for it.
            abort: Callable[[], None] | None = scope.get(ABORT)
            if abort is not None:
                abort()
        finally:
            if leaving is not None:
                leaving.cancel()

    async def _send_all(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await self._send(send, start)
        async for chunk in self._events:
            await self._send(send, _body(chunk, more=True))
        await self._send(send, _body(b"", more=False))

    async def _send(self, send: Send, message: Message) -> None:
        async with asyncio.timeout(self._send_s_max):
            await send(message)


def _body(chunk: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}


async def _until_left(receive: Receive, staying: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not staying.expired():
        staying.reschedule(asyncio.get_running_loop().time())
