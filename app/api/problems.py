"""Problem documents (RFC 9457): how every refusal looks on the wire, and in OpenAPI."""

from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel

from app.errors import DomainError, TooLarge, Unavailable, ValidationFailed
from app.users.auth import Unauthorized

MEDIA_TYPE = "application/problem+json"
HEAD_BYTES_MAX = 32 * 1024
"""Of a request's target and headers."""
HEADERS_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Of every answer, of the application and of the protocol."""


class Forbidden(DomainError):
    """The token does not have the scope that this needs."""

    code, http_status = "forbidden", 403


class RateLimited(DomainError):
    """Too many requests in a short time; wait a moment."""

    code, http_status = "rate_limited", 429


class Internal(DomainError):
    """Something went wrong here; it was logged and will be looked at."""

    code, http_status = "internal", 500


class Problem(BaseModel):
    """The document of a refusal; facts that help the caller stand beside these members."""

    type: str
    title: str
    status: int
    detail: str
    code: str


class RouteMissing(DomainError):
    """There is nothing at this address."""

    code, http_status = "not_found", 404


class MethodNotAllowed(DomainError):
    """This address does not answer to that method."""

    code, http_status = "method_not_allowed", 405


class MalformedRequest(DomainError):
    """This is no HTTP request."""

    code, http_status = "malformed_request", 400


class DuplicateHeader(DomainError):
    """A header that says who asks whom, or how long the body is, was sent twice."""

    code, http_status = "duplicate_header", 400


class RequestTimeout(DomainError):
    """The head of the request did not arrive in time."""

    code, http_status = "request_timeout", 408


class HeadersTooLarge(DomainError):
    """The headers of the request are larger than what is accepted."""

    code, http_status = "headers_too_large", 431


class UnknownHost(DomainError):
    """This server does not answer for that host."""

    code, http_status = "unknown_host", 421


ANYWHERE: tuple[type[DomainError], ...] = (
    MalformedRequest,
    DuplicateHeader,
    RequestTimeout,
    HeadersTooLarge,
    MethodNotAllowed,
    Internal,
)
"""What any request may be answered, probes too."""
EVERYWHERE: tuple[type[DomainError], ...] = (
    *ANYWHERE,
    UnknownHost,
    Unauthorized,
    RateLimited,
    TooLarge,
    ValidationFailed,
    Unavailable,
)
"""What any call below /api may be answered."""

_BARE_STATUSES = frozenset({HTTPStatus.NO_CONTENT})


def problem(error: DomainError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body that tell a caller of `error`."""
    status = error.http_status
    if status in _BARE_STATUSES:
        return status, {}, b""
    headers = {"content-type": MEDIA_TYPE, "cache-control": "no-store"}
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = "Bearer"
    facts = dict(error.facts)
    retry_after_s = facts.pop("retry_after_s", getattr(error, "retry_after_s", None))
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.detail,
        "code": error.code,
    }
    return status, headers, orjson.dumps(facts | document, default=str)


def refusals(
    *errors: type[DomainError], besides: tuple[type[DomainError], ...] = EVERYWHERE
) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for a call that may raise `errors`, beside those of every call."""
    by_status: dict[int | str, list[type[DomainError]]] = {}
    for error in (*besides, *errors):
        by_status.setdefault(error.http_status, []).append(error)
    return {status: _documented(kinds) for status, kinds in sorted(by_status.items(), key=str)}


def _documented(kinds: list[type[DomainError]]) -> dict[str, Any]:
    told = {kind.code: (kind.__doc__ or "").split("\n")[0] for kind in kinds}
    documented: dict[str, Any] = {
        "description": "\n".join(f"- `{code}`: {text}" for code, text in told.items()),
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {"properties": {"code": {"enum": list(told)}}},
                    ]
                }
            }
        },
    }
    if headers := _HEADERS_OF.get(kinds[0].http_status):
        documented["headers"] = headers
    return documented


def _header(description: str, pattern: str) -> dict[str, Any]:
    return {
        "description": description,
        "required": True,
        "schema": {"type": "string", "pattern": pattern},
    }


_RETRY_AFTER = {"Retry-After": _header("Seconds to wait.", "^[0-9]+$")}
_HEADERS_OF: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": _header("How to authenticate.", "^Bearer$")},
    405: {"Allow": _header("The methods of this address.", "^[A-Z]+(, [A-Z]+)*$")},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
"""Of refusals with that status."""

REFUSED_BY_NAME = {404: RouteMissing, 405: MethodNotAllowed, 400: ValidationFailed}
"""Refusals of the web framework itself, by status."""
