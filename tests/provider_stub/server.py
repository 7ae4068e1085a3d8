"""The stub itself: a small HTTP/1.1 server on loopback.

Its own, on bare streams: it must cut connections in the middle of a body, and dribble.
"""

import asyncio
import gzip
import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from os.path import commonprefix
from typing import Any

from tests.provider_stub.answers import CHARS_A_TOKEN, SHARED_CHARS, completion, text_of, written
from tests.provider_stub.behaviour import Behaviour, Fault
from tests.provider_stub.meter import Meter

HANG_MAX_S = 120.0
SLOW_BYTE_S = 0.05
ENDLESS_BYTES_MAX = 2**28
UNFOLDED_BYTES = 2**25
KEPT_MAX = 2_000
READ_MAX = 64
CACHED_MIN, CACHE_BLOCK = 1_024, 128
COMPLETIONS = "/v1/chat/completions"


@dataclass(frozen=True)
class Received:
    """One call: its headers (names in lower case) and its body."""

    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return text_of(self.body)


Writer = Callable[[dict[str, Any], Fault | None], str]


@dataclass
class ProviderStub:
    """`async with ProviderStub(behaviour) as stub:` serves at `stub.base_url`."""

    behaviour: Behaviour = field(default_factory=Behaviour)
    write: Writer = written
    port: int = 0
    gate: asyncio.Event | None = None
    """While it is not set, calls are taken and none is answered."""
    meter: Meter = field(default_factory=Meter)
    received: deque[Received] = field(default_factory=lambda: deque[Received](maxlen=KEPT_MAX))

    def __post_init__(self) -> None:
        self._known: set[str] = set()
        self._read: deque[tuple[float, str]] = deque(maxlen=READ_MAX)
        self._cached: dict[int, int] = {}
        self._open: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> "ProviderStub":
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=2**20, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.meter.connections += 1
        try:
            # CancelledError: a task of asyncio's streams that ends so is reported as a failure.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError, _Cut):
                while True:
                    path, headers = _head(await reader.readuntil(b"\r\n\r\n"))
                    body = await reader.readexactly(int(headers.get("content-length", 0)))
                    await self._serve(path, headers, body, reader, writer)
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _serve(
        self,
        path: str,
        headers: dict[str, str],
        body: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        if path == "/stats":
            return await _send(writer, 200, self.meter.snapshot())
        if path == "/program":
            self._program(json.loads(body))
            return await _send(writer, 200, {})
        if path != COMPLETIONS:
            return await _send(writer, 404, _error("there is nothing here"))
        request = json.loads(body)
        self.received.append(Received(headers, request))
        self._look_up(request)
        fault = self.behaviour.next_fault()
        self.meter.begin()
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(self.behaviour.next_latency_s())
            await self._answer(request, fault, reader, writer)
        finally:
            self.meter.end(fault or "answered")
        return None

    def _look_up(self, request: dict[str, Any]) -> None:
        """How much of a prompt is cached when it comes: what was read of others by then."""
        prefill_s = self.behaviour.prefill_s
        if prefill_s is None:
            return
        now, sent = time.monotonic(), text_of(request)
        common = [
            commonprefix([sent, text])  # noqa: RUF071 (characters are meant: this is no path)
            for ready, text in self._read
            if ready <= now
        ]
        tokens = max((len(each) for each in common), default=0) // CHARS_A_TOKEN
        blocks = tokens // CACHE_BLOCK * CACHE_BLOCK
        self._cached[id(request)] = blocks if blocks >= CACHED_MIN else 0
        self._read.append((now + prefill_s, sent))

    def _program(self, changes: dict[str, Any]) -> None:
        """Changes the behaviour while it runs: `chances`, `planned`, `latency_s` and so on."""
        behaviour = self.behaviour
        for name, value in changes.items():
            if name == "chances":
                behaviour.chances = {Fault(fault): chance for fault, chance in value.items()}
            elif name == "planned":
                behaviour.plan(fault and Fault(fault) for fault in value)
            else:
                setattr(behaviour, name, value)

    async def _answer(
        self,
        request: dict[str, Any],
        fault: Fault | None,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        refused = self._unsupported(request)
        if refused is not None:
            return await _send(writer, 400, refused)
        match fault:
            case Fault.CUT:
                raise _Cut
            case Fault.HANG:
                with suppress(TimeoutError):  # Until the caller hangs up.
                    await asyncio.wait_for(reader.read(1), HANG_MAX_S)
                raise _Cut
            case Fault.RATE_LIMITED | Fault.QUOTA:
                code = "insufficient_quota" if fault is Fault.QUOTA else "rate_limit_exceeded"
                wait = {"retry-after": f"{self.behaviour.retry_after_s:g}"}
                return await _send(writer, 429, _error("too many", code=code), wait)
            case Fault.ERROR | Fault.UNAVAILABLE | Fault.UNAUTHORIZED | Fault.BAD_REQUEST:
                return await _send(writer, _STATUS[fault], _error(f"it is {fault}"))
            case Fault.ENDLESS_BODY:
                return await self._never_end(writer)
            case Fault.COMPRESSED:
                body = gzip.compress(b'{"choices": [' + b" " * UNFOLDED_BYTES)
                return await _send_raw(writer, 200, body, {"content-encoding": "gzip"})
            case Fault.NOT_JSON:
                return await _send_raw(writer, 200, b"<html>gateway</html>")
            case _:
                return await self._complete(request, fault, writer)

    async def _never_end(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 Told\r\ncontent-type: application/json\r\n\r\n{"choices": [')
        while self.meter.endless_bytes < ENDLESS_BYTES_MAX:
            writer.write(b" " * 2**16)
            await writer.drain()
            self.meter.endless_bytes += 2**16
        raise _Cut

    def _unsupported(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The refusal of a server that does not know what is asked for."""
        behaviour = self.behaviour
        known = behaviour.tokens_parameter
        for name in ("max_tokens", "max_completion_tokens"):
            if known not in (None, name) and name in request:
                return _error(f"Unsupported parameter: '{name}'. Use '{known}' instead.")
        tokens = len(text_of(request)) // CHARS_A_TOKEN
        if behaviour.context_tokens is not None and tokens > behaviour.context_tokens:
            return _error("the prompt is too long", code="context_length_exceeded")
        asked = (request.get("response_format") or {}).get("type")
        if (asked == "json_schema" and not behaviour.supports_schema) or (
            asked == "json_object" and not behaviour.supports_json
        ):
            return _error(f"response_format {asked} is not supported by this model")
        return None

    async def _complete(
        self, request: dict[str, Any], fault: Fault | None, writer: asyncio.StreamWriter
    ) -> None:
        beginning = text_of(request)[:SHARED_CHARS]
        cached = self._cached.pop(id(request), None)
        told = completion(
            request,
            self.write(request, fault),
            fault,
            self.behaviour,
            is_known=beginning in self._known,
        )
        if cached is not None:
            told["usage"]["prompt_tokens_details"]["cached_tokens"] = cached
        self._known.add(beginning)
        self.meter.spend(told["usage"]["total_tokens"])
        self.meter.cached_tokens += told["usage"]["prompt_tokens_details"]["cached_tokens"]
        if fault not in (Fault.CUT_BODY, Fault.SLOW_BODY):
            return await _send(writer, 200, told)
        raw = _response(200, json.dumps(told).encode(), {})
        if fault is Fault.CUT_BODY:
            writer.write(raw[: len(raw) - 80])
            await writer.drain()
            raise _Cut
        for place in range(len(raw)):
            writer.write(raw[place : place + 1])
            await writer.drain()
            await asyncio.sleep(SLOW_BYTE_S)
        return None


class _Cut(Exception):
    """This connection ends here."""


_STATUS = {
    Fault.ERROR: 500,
    Fault.UNAVAILABLE: 503,
    Fault.UNAUTHORIZED: 401,
    Fault.BAD_REQUEST: 400,
}


def _head(raw: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return first.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs}


def _error(message: str, *, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "stub", "param": None, "code": code}}


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    body: dict[str, Any],
    headers: dict[str, str] | None = None,
) -> None:
    await _send_raw(writer, status, json.dumps(body).encode(), headers)


async def _send_raw(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    writer.write(_response(status, body, headers or {}))
    await writer.drain()


def _response(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    told = {"content-type": "application/json", "content-length": str(len(body))} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode() + body
