"""What the OpenAPI document says beyond what the web framework finds out by itself."""

from typing import Any

from fastapi import Request
from starlette.routing import Match

from app.api.problems import Problem
from app.users.auth import Unauthorized

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_BEFORE_THE_RATE = frozenset({"400", "401", "408", "421", "431", "500", "503"})
"""Statuses of refusals that may come before a request is counted, or from beside it."""

_REQUEST_ID = {
    "X-Request-Id": {
        "description": "Names the request in the logs: the caller's own, if it sent one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
    }
}
_RATE = {
    "RateLimit-Policy": {
        "description": "Requests of a user in a minute, over the whole API.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"requests";q=[0-9]+;w=60$'},
    },
    "RateLimit": {
        "description": "What is left of it, and seconds until it is whole; with 429, until a"
        " request is admitted.",
        "required": True,
        "schema": {"type": "string", "pattern": '^"requests";r=[0-9]+;t=[0-9]+$'},
    },
}


def described(document: dict[str, Any]) -> None:
    """Adds the problem document, the bearer token, and the headers of every answer."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    components["headers"] = _REQUEST_ID | _RATE
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _forget_null(parameter)
            for status, response in operation["responses"].items():
                names = [*_REQUEST_ID]
                if path.startswith("/api/"):
                    names += [] if status in _BEFORE_THE_RATE else [*_RATE]
                shown = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
                response["headers"] = response.get("headers", {}) | shown
            if path.startswith("/api/"):
                needs_token = str(Unauthorized.http_status) in operation["responses"]
                operation["security"] = [{"token": []}] if needs_token else []


def methods_of(request: Request) -> list[str]:
    """Every method that the address of this request answers to."""
    methods: list[str] = []
    for method in _METHODS:
        scope = dict(request.scope, method=method)
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            methods.append(method)
    return methods


def _forget_null(parameter: dict[str, Any]) -> None:
    """A parameter that may be left out cannot be sent as null: there is no way to write it."""
    schema = parameter["schema"]
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        parameter["schema"] = kinds[0] | schema
