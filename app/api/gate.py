"""The gate before the API: it decides about a request before anything of its body is read.

Pure ASGI. In this order: host, identity, text that nothing here can store, rate, size. FastAPI
would parse a form before it looks at dependencies: an upload of a stranger would be read whole.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Container, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes
from uuid import uuid4

import structlog
from starlette.requests import ClientDisconnect

from app import telemetry
from app.acting import for_users
from app.api.identity import PRINCIPAL
from app.api.problems import HEADERS_ALWAYS, Internal, RateLimited, UnknownHost, problem
from app.api.rate_limit import Quota, RateLimits
from app.api.sessions import Sessions
from app.errors import DomainError, TooLarge, Unavailable, ValidationFailed
from app.hosts import is_allowed
from app.settings import Settings
from app.users.auth import Principal, TokenVerifier, Unauthorized

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON_BYTES_MAX = 64 * 1024
JSON_READ_S = 10
FORM_BYTES = 64 * 1024
"""Room for a form's other fields and boundaries around the uploaded file."""

API_PREFIX = "/api/"
UPLOAD = re.compile(r"POST /api/chats(?:/[^/]{1,64}/revisions)?")
UNLOCK = "/api/insights/unlock"
PROBES = ("/healthz", "/readyz")
OPEN = frozenset({"POST /api/sign-in", "POST /api/sign-in/preview"})
"""What needs no token: the caller has none yet."""
NO_USER = ""
"""Those without a token share one quota; no user has this id."""
READS = frozenset({"GET", "HEAD", "OPTIONS"})

_REQUEST_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_POLICY = b"content-security-policy"
_POLICY_NOTHING = b"default-src 'none'; frame-ancestors 'none'"

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Gate:
    """ASGI middleware around the whole API."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        verifier: TokenVerifier,
        rates: RateLimits,
        sessions: Sessions,
        deleted: Container[str] = (),
    ) -> None:
        """`deleted` are users whose tokens are refused."""
        self._app = app
        self._verifier = verifier
        self._deleted = deleted
        self._hosts = settings.allowed_hosts
        self._rates = rates
        self._sessions = sessions
        self._upload_bytes_max = settings.upload_bytes_max + FORM_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, itself or by the application behind."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        answer = _Answer(scope, headers, send)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=answer.request_id)
        try:
            receive = await self._admit(scope, headers, receive, answer)
            answer.admitted = True
            principal: Principal | None = scope.get(PRINCIPAL)
            with for_users(*(() if principal is None else (principal.user_id,))):
                await self._app(scope, receive, answer.send)
        except DomainError as refusal:
            await answer.refuse(refusal)
        except ClientDisconnect:
            log.debug("http.client_left")
        except Exception as error:
            log.error("http.failed", exc_info=error, path=_route(scope))
            await answer.refuse(Internal())
        finally:
            answer.observe()

    async def _admit(
        self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, answer: "_Answer"
    ) -> Receive:
        path: str = scope["path"]
        host = headers.get(b"host", b"").decode("latin-1")
        if path not in PROBES and not is_allowed(host, self._hosts):
            raise UnknownHost
        if not path.startswith(API_PREFIX):
            return receive
        if f"{scope['method']} {path}" in OPEN:
            await self._count(NO_USER, answer)
        else:
            await self._identify(scope, headers, answer)
        _check_text(scope, headers)
        if UPLOAD.fullmatch(f"{scope['method']} {path}"):
            _check_length(headers, self._upload_bytes_max)
            return _counted(receive, self._upload_bytes_max)
        _check_length(headers, JSON_BYTES_MAX)
        if b"content-length" in headers or b"transfer-encoding" in headers:
            return await _read_whole(receive)
        return receive

    async def _identify(self, scope: Scope, headers: dict[bytes, bytes], answer: "_Answer") -> None:
        principal = await self._verifier.verify(_bearer(headers))
        if principal.user_id in self._deleted:
            raise Unauthorized
        self._sessions.refuse_known(principal)
        structlog.contextvars.bind_contextvars(user_id=principal.user_id)
        await self._count(principal.user_id, answer)
        # An unlock is refused by the statement that writes it, under the lock of the account.
        if scope["path"] != UNLOCK:
            await self._sessions.check(principal, is_fresh=scope["method"] not in READS)
        scope[PRINCIPAL] = principal

    async def _count(self, user_id: str, answer: "_Answer") -> None:
        answer.quota = quota = await self._rates.count(user_id)
        if not quota.is_admitted:
            raise RateLimited(retry_after_s=quota.wait_s)


class _Answer:
    """What goes back: adds the headers of every answer, and remembers the status."""

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], send: Send) -> None:
        given = headers.get(b"x-request-id", b"")
        self.request_id = given.decode() if _REQUEST_ID.fullmatch(given) else uuid4().hex
        self.status: int | None = None
        self.admitted = False
        self.quota: Quota | None = None
        self._is_stream = False
        self._scope = scope
        self._send = send
        self._has_body = b"transfer-encoding" in headers or headers.get(
            b"content-length", b"0"
        ) != (b"0")
        self._started = time.perf_counter()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
            names = {name.lower() for name, _ in headers}
            headers += [*HEADERS_ALWAYS, (b"x-request-id", self.request_id.encode())]
            if self.quota is not None:
                headers += self.quota.headers
            if _POLICY not in names:
                headers.append((_POLICY, _POLICY_NOTHING))
            if b"cache-control" not in names:
                private = self._scope["path"].startswith(API_PREFIX)
                headers.append((b"cache-control", b"no-store" if private else b"no-cache"))
            if self._has_body and (not self.admitted or self.status == TooLarge.http_status):
                # The rest of the body is not wanted: without this it would be read to its end.
                headers.append((b"connection", b"close"))
            self._is_stream = (b"content-type", b"text/event-stream; charset=utf-8") in headers
            message["headers"] = headers
        await self._send(message)

    async def refuse(self, refusal: DomainError) -> None:
        """Sends the refusal, unless an answer is under way already."""
        if self.status is not None:
            return
        status, told, body = problem(refusal)
        headers = [(name.encode(), value.encode()) for name, value in told.items()]
        headers.append((b"content-length", str(len(body)).encode()))
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})

    def observe(self) -> None:
        route, method = _route(self._scope), self._scope["method"]
        telemetry.http_requests.labels(method, route, str(self.status or 499)).inc()
        duration_s = time.perf_counter() - self._started
        if not self._is_stream:
            telemetry.http_request_duration.labels(route).observe(duration_s)
        log.debug(
            "http.answered",
            method=method,
            route=route,
            status=self.status,
            duration_ms=round(duration_s * 1000, 1),
        )


def _route(scope: Scope) -> str:
    """The route's pattern, never the path itself: that would be one metric for each object."""
    return getattr(scope.get("route"), "path", "other")


def _bearer(headers: dict[bytes, bytes]) -> str:
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not token:
        raise Unauthorized
    try:
        return token.strip().decode("ascii")
    except UnicodeDecodeError as error:
        raise Unauthorized from error


def _check_text(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """No NUL, and nothing that is not UTF-8: neither can be stored as text."""
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    for field, encoded in (("path", raw_path), ("query", scope["query_string"])):
        decoded = unquote_to_bytes(encoded)
        try:
            decoded.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValidationFailed.of(field, "is not UTF-8") from error
        if b"\0" in decoded:
            raise ValidationFailed.of(field, "holds a NUL")
    if any(b"\0" in value for value in headers.values()):
        raise ValidationFailed.of("header", "holds a NUL")


def _check_length(headers: dict[bytes, bytes], bytes_max: int) -> None:
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > 18 or int(length) > bytes_max:
        raise TooLarge(bytes_max=bytes_max)


def _counted(receive: Receive, bytes_max: int) -> Receive:
    """`receive` that stops at the limit, for bodies that do not tell their length."""
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > bytes_max:
            raise TooLarge(bytes_max=bytes_max)
        return message

    return counted


async def _read_whole(receive: Receive) -> Receive:
    """A `receive` that has the body, read within its limits, as one message."""
    counted = _counted(receive, JSON_BYTES_MAX)
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(JSON_READ_S):
            while more:
                message = await counted()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message.get("body", b"")
                more = message.get("more_body", False)
    except TimeoutError as error:
        raise Unavailable("The request did not arrive in time.") from error
    whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return whole.pop() if whole else await receive()

    return replay
