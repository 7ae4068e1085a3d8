"""What routes know of a request: its caller, as the gate found out, and text fit to be stored."""

from typing import Annotated

from fastapi import Depends, Request
from pydantic import AfterValidator, BeforeValidator, Field

from app.api.problems import Forbidden
from app.users.auth import USER_ID_CHARS_MAX, Principal, Unauthorized, is_user_id

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


def _whole(value: object) -> object:
    # JSON knows no integers: 50.0 is the number 50.
    return int(value) if isinstance(value, float) and value.is_integer() else value


StoredText = Annotated[
    str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})
]
"""Text in a body that the database can hold."""

WHOLE = BeforeValidator(_whole)
"""Of a strict integer in a body: a number without a fraction is one, however it is written."""

GivenUserId = Annotated[
    str,
    AfterValidator(_user),
    Field(
        json_schema_extra={
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
            "maxLength": USER_ID_CHARS_MAX,
        }
    ),
]
