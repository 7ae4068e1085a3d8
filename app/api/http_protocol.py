"""What a connection may send before and beside its requests: bytes, time and headers, bounded.

uvicorn's httptools protocol bounds none of these. Its parser joins the pieces of a header one by
one, so that an endless one costs the square of its length, on the event loop; and it hands
trailers on as headers. Both are settled here, before anything reads the request (ADR 18).
"""

import asyncio
import re
from enum import Enum, auto
from typing import Any, ClassVar
from uuid import uuid4

import httptools
import structlog
from uvicorn._types import ASGI3Application  # pyright: ignore[reportPrivateUsage]
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from app import telemetry
from app.api.problems import (
    HEAD_BYTES_MAX,
    HEADERS_ALWAYS,
    DuplicateHeader,
    HeadersTooLarge,
    MalformedRequest,
    RequestTimeout,
    problem,
)
from app.errors import DomainError

HEAD_S_MAX = 10.0
"""From the connection, or the first byte of a later request, to the end of its head; and for the
rest of a body that is answered already."""
WRITE_S_MAX = 20.0
WRITE_BYTES_MIN = 16 * 1024
"""A client that reads less of what waits for it in that time is cut off, and what waits dropped."""
LINGER_S = 2.0
LINGER_BYTES_MAX = 1024 * 1024
"""What a refused client still sends is read and dropped, or a reset would take the answer away."""

PIPELINED_MAX = 32
"""Requests that wait behind another one; what comes after them waits as bytes, which take less
memory than the objects that stand for requests."""

_SLICE_BYTES = 4 * 1024
"""Given to the parser at once. How much of a slice belongs to a head that begins within it, only
the parser knows: a pipelined head may be so much longer."""
_FRAMING_BYTES = len(": \r\n")
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::\d*)?")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_ONCE = frozenset({b"authorization", b"host", b"content-length", b"transfer-encoding"})
"""Headers that may come once: programs differ in which of two they read."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _Phase(Enum):
    """Where the parser is in what the client sends."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection. After a refusal it reads no further request."""

    head_s_max: ClassVar[float] = HEAD_S_MAX
    write_s_max: ClassVar[float] = WRITE_S_MAX

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._phase = _Phase.IDLE
        self._messages = 0
        self._raw_bytes = 0
        """Of the head under way as it came in; later, since the body last went on: of trailers,
        of chunk extensions."""
        self._field_bytes = 0
        """Of the head's target and headers, or of its trailers."""
        self._seen: set[bytes] = set()
        self._host = b""
        self._unparsed = b""
        """What came behind as many requests as may wait."""
        self._reason: DomainError | None = None
        """Why a callback stopped the parser."""
        self._refusal: DomainError | None = None
        self._is_deaf = False
        """The client speaks another protocol now, which nothing here understands."""
        self._served: RequestResponseCycle | None = None
        self._lingered_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None
        self._unread_bytes = 0
        """What waited for the client when the time to read it began."""

    # What the transport says

    # The narrower type of a transport is uvicorn's own.
    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._set_deadline(self.head_s_max)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_deadline()
        self._clear_writing()
        self._unparsed = b""
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self._clear_writing()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._parse(self._unparsed + data)

    def _parse(self, data: bytes) -> None:
        """Slice by slice, as far as requests may wait."""
        self._unparsed = b""
        for start in range(0, len(data), _SLICE_BYTES):
            if self._refusal is not None or self._is_deaf:
                self._drop(len(data) - start)
                return
            if len(self.pipeline) >= PIPELINED_MAX:
                self._unparsed = data[start:]
                self.flow.pause_reading()
                return
            self._feed(data[start : start + _SLICE_BYTES])
        if self._deadline is None and self._refusal is None and self._waits_for_a_head():
            self._set_deadline(self.head_s_max)

    # What the parser says

    def on_message_begin(self) -> None:
        self._phase = _Phase.HEAD
        self._messages += 1
        self._field_bytes = 0
        self._seen.clear()
        self._host = b""
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count_fields(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count_fields(len(name) + len(value) + _FRAMING_BYTES)
        if self._phase is _Phase.BODY:
            return  # A trailer: the request was judged without it, and stays as it was.
        lowered = name.lower()
        if lowered in _ONCE and lowered in self._seen:
            self._stop_parser(DuplicateHeader(header=lowered.decode("ascii")))
        if lowered == b"host":
            if not value:
                return  # As if it were missing.
            if not _HOST.fullmatch(value):
                self._stop_parser(MalformedRequest())
            self._host = value
        if lowered == b"transfer-encoding" and value.lower() != b"chunked":
            self._stop_parser(MalformedRequest())  # Nothing here would undo the coding.
        self._seen.add(lowered)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        # There is a parser until the connection is lost.
        version = self.parser.get_http_version()  # pyright: ignore[reportOptionalMemberAccess]
        if version != "1.0" and b"host" not in self._seen:
            self._stop_parser(MalformedRequest())  # RFC 9112, 3.2.
        if version == "1.0" and b"transfer-encoding" in self._seen:
            self._stop_parser(MalformedRequest())  # RFC 9112, 6.1.
        target = _ABSOLUTE.match(self.url)
        if target and target[1].lower() != self._host.lower():
            self._stop_parser(MalformedRequest())  # Programs differ in which host they read.
        super().on_headers_complete()
        self._phase = _Phase.BODY
        self._field_bytes = 0
        self._clear_deadline()

    def on_body(self, body: bytes) -> None:
        self._raw_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = _Phase.IDLE
        self._clear_deadline()

    # What the application is asked, and answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._watch_writing()
            return
        if self._refusal is not None:
            self._unset_keepalive_if_required()
            if not self._is_answering():
                self._answer_refusal(self._refusal)
            return
        if self._phase is _Phase.BODY and not self._is_answering():
            self._set_deadline(self.head_s_max)
        if self._unparsed:
            self._parse(self._unparsed)

    # Counting

    def _feed(self, piece: bytes) -> None:
        phase, messages = self._phase, self._messages
        if phase is _Phase.IDLE:
            self._raw_bytes = 0
        try:
            # There is a parser until the connection is lost.
            self.parser.feed_data(piece)  # pyright: ignore[reportOptionalMemberAccess]
        except httptools.HttpParserError:
            self._refuse(self._reason or MalformedRequest())
            return
        except httptools.HttpParserUpgrade:
            self._is_deaf = True
            self.cycle.keep_alive = False
            return
        self._count_raw(len(piece), phase, messages)

    def _count_raw(self, count: int, phase: _Phase, messages: int) -> None:
        """Bytes that are no body. Of a message that began behind another one in the same piece,
        nothing is known: it is counted from the next piece on."""
        if self._messages == messages and self._phase is phase:
            self._raw_bytes += count
        elif phase is _Phase.IDLE and self._messages == messages + 1:
            self._raw_bytes = count
        else:
            self._raw_bytes = 0
        if self._raw_bytes > HEAD_BYTES_MAX:
            self._refuse(HeadersTooLarge(bytes_max=HEAD_BYTES_MAX))

    def _count_fields(self, count: int) -> None:
        self._field_bytes += count
        if self._field_bytes > HEAD_BYTES_MAX:
            self._stop_parser(HeadersTooLarge(bytes_max=HEAD_BYTES_MAX))

    def _stop_parser(self, reason: DomainError) -> None:
        """Raises `reason`, out of a callback: the parser then fails, and `_feed` refuses."""
        self._reason = reason
        raise reason

    # Refusing

    def _refuse(self, refusal: DomainError) -> None:
        """Answers with the refusal once all earlier requests are answered, and closes."""
        self._refusal = refusal
        self._clear_deadline()
        log.debug("http.refused", code=refusal.code)
        if self._phase is _Phase.BODY and not self._abandon_request():
            self._close()  # Its answer is under way: cut, so that it looks unfinished.
        elif not self._is_answering():
            self._answer_refusal(refusal)

    def _abandon_request(self) -> bool:
        """The request whose body is broken goes unanswered; False if its answer has begun."""
        if self.cycle.response_started:
            return False
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        waiting = [entry for entry in self.pipeline if entry[0] is self.cycle]
        for entry in waiting:
            self.pipeline.remove(entry)
        return True

    def _is_answering(self) -> bool:
        """Whether an earlier request has no whole answer yet."""
        served = self._served
        return bool(self.pipeline) or not (
            served is None or served.response_complete or served.disconnected
        )

    def _answer_refusal(self, refusal: DomainError) -> None:
        status, told, body = problem(refusal)
        headers = [
            *self.server_state.default_headers,
            *((name.encode(), value.encode()) for name, value in told.items()),
            *HEADERS_ALWAYS,
            (b"x-request-id", uuid4().hex.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        telemetry.http_requests.labels("other", "other", str(status)).inc()
        self.transport.write(STATUS_LINE[status] + lines + b"\r\n" + body)
        self._close_gently()

    def _close_gently(self) -> None:
        """Nothing more is sent; what comes is dropped until the client leaves, or a moment."""
        if not self.transport.can_write_eof():
            self._close()
            return
        self.transport.write_eof()
        self.flow.resume_reading()
        self._set_deadline(LINGER_S)

    def _drop(self, count: int) -> None:
        self._lingered_bytes += count
        if self._lingered_bytes > LINGER_BYTES_MAX:
            self.transport.abort()

    # Time

    def _waits_for_a_head(self) -> bool:
        """A head is incomplete, or none has begun and nothing else would end the connection."""
        return self._phase is _Phase.HEAD or (
            self._phase is _Phase.IDLE and not self._is_answering()
        )

    def _set_deadline(self, seconds: float) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, self._end_in_time)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_in_time(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self._refusal is None and self.flow.read_paused:
            self._set_deadline(self.head_s_max)  # We do not read: the client may have sent it.
        elif self._refusal is None and self._phase is _Phase.HEAD:
            self._refuse(RequestTimeout())
        else:
            self._close()

    # Clients that do not read

    def _close(self) -> None:
        """Closes once what is written has gone out, and not much later if it does not."""
        self.transport.close()
        self._watch_writing()

    def _watch_writing(self) -> None:
        """The client has a while to read what waits for it; nothing is added to that meanwhile."""
        self._clear_writing()
        self._unread_bytes = self.transport.get_write_buffer_size()
        if self._unread_bytes:
            self._writing = self.loop.call_later(self.write_s_max, self._cut_unread)

    def _clear_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None

    def _cut_unread(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread > self._unread_bytes - WRITE_BYTES_MIN and unread:
            log.info("http.client_does_not_read", unread_bytes=unread)
            self.transport.abort()
        else:
            self._watch_writing()
