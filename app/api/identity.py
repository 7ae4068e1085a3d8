"""What routes know of a request: its caller, as the gate found out, and text fit to be stored."""

from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator

from app.api.problems import Forbidden
from app.users.auth import Principal, Unauthorized, is_user_id

PRINCIPAL = "sixfold.principal"
"""The key of the ASGI scope under which the gate leaves the Principal."""


async def caller(request: Request) -> Principal:
    """Who calls. Raises Unauthorized if a route is reachable without passing the gate."""
    principal: Principal | None = request.scope.get(PRINCIPAL)
    if principal is None:
        raise Unauthorized
    return principal


async def user_id(principal: Annotated[Principal, Depends(caller)]) -> str:
    """The id of the user who calls."""
    return principal.user_id


Caller = Annotated[Principal, Depends(caller)]
UserId = Annotated[str, Depends(user_id)]


def require_scope(principal: Principal, scope: str) -> None:
    """Raises Forbidden unless the token carries `scope`."""
    if scope not in principal.scopes:
        raise Forbidden(scope=scope)


def _storable(value: str) -> str:
    # Half characters (lone surrogates) come through JSON escapes and have no UTF-8.
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise ValueError("must not hold a NUL or half a character")
    return value


def _user(value: str) -> str:
    if not is_user_id(value):
        raise ValueError("must be 1 to 255 characters, none of them a control character")
    return value


StoredText = Annotated[str, AfterValidator(_storable)]
"""Text in a body that the database can hold."""

GivenUserId = Annotated[str, AfterValidator(_user)]
