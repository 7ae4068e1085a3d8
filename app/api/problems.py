"""Problem documents (RFC 9457): how every refusal looks on the wire, and in OpenAPI."""

from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel

from app.errors import DomainError, Unavailable, ValidationFailed
from app.users.auth import Unauthorized

MEDIA_TYPE = "application/problem+json"
HEADERS_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
"""Of every answer, whoever makes it."""


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


EVERYWHERE: tuple[type[DomainError], ...] = (
    Unauthorized,
    ValidationFailed,
    RateLimited,
    Unavailable,
    Internal,
)
"""What any call below /api may answer."""

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


def refusals(*errors: type[DomainError]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for a call that may raise `errors`, beside those of every call."""
    by_status: dict[int | str, list[type[DomainError]]] = {}
    for error in (*EVERYWHERE, *errors):
        by_status.setdefault(error.http_status, []).append(error)
    return {status: _documented(kinds) for status, kinds in sorted(by_status.items(), key=str)}


def _documented(kinds: list[type[DomainError]]) -> dict[str, Any]:
    told = {kind.code: (kind.__doc__ or "").split("\n")[0] for kind in kinds}
    return {
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


REFUSED_BY_NAME = {404: RouteMissing, 405: MethodNotAllowed, 400: ValidationFailed}
"""Refusals of the web framework itself, by status."""
