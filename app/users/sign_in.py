"""Signing in by a one-time code: in a link on the machine that the product runs on, or on the way
back from an identity provider (`app.users.oidc`). Either is confirmed by a click.

The code has 256 random bits; the database has its hash. A link that another person prepared names
another user before anything happens, and works once, for ten minutes.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import in_transaction, lone_read
from app.errors import DomainError
from app.faults import Step
from app.users.auth import check_user_id

CODE_BYTES = 32
CODE_CHARS_MAX = 200
CODE_LASTS_S = 600
CODES_KEPT_S = 86_400
"""After its end a code is deleted when another one is made."""
PAGE = "/sign-in"
PROVIDER_PREFIX = "oidc."
"""Begins the codes that a provider's answer has made, and no other."""


class SignInCodeInvalid(DomainError):
    """This sign-in link is not valid, or not any more; ask for another one."""

    code, http_status = "sign_in_code_invalid", 404


@dataclass(frozen=True, slots=True)
class Pending:
    """Whom a code signs in, and until when."""

    user_id: str
    expires_at: datetime


async def new_code(user_id: str) -> str:
    """A code that signs the user in, once. Raises ValueError when there can be no such user."""
    check_user_id(user_id)
    code = secrets.token_urlsafe(CODE_BYTES)
    await store_code(user_id, code)
    return code


async def store_code(user_id: str, code: str) -> None:
    """From now on the code signs the user in, once; storing it again changes nothing.

    Raises SignInCodeInvalid when it is another user's.
    """
    given = {"code_hash": _hash(code), "user_id": user_id, "seconds": CODE_LASTS_S}

    async def store(connection: AsyncConnection) -> str:
        await connection.execute(_FORGET, {"seconds": CODES_KEPT_S})
        await connection.execute(_STORE, given)
        return (await connection.execute(_OWNER, {"code_hash": given["code_hash"]})).scalar_one()

    if await in_transaction(store, step=Step.ISSUE_CODE) != user_id:
        raise SignInCodeInvalid


def sign_in_link(url: str, code: str) -> str:
    """Where the user of the code is asked whether to sign in; `url` is the API's."""
    return f"{url.rstrip('/')}{PAGE}?code={code}"


async def read_code(code: str) -> Pending:
    """What the code is for; it stays valid. Raises SignInCodeInvalid."""
    async with lone_read() as connection:
        found = (await connection.execute(_READ, {"code_hash": _hash(code)})).first()
    if found is None:
        raise SignInCodeInvalid
    return Pending(found.user_id, found.expires_at)


async def use_code(code: str) -> str:
    """Uses the code up; the user whom it signs in. Of two at once one gets it.

    Raises SignInCodeInvalid.
    """
    given: dict[str, Any] = {"code_hash": _hash(code), "call": uuid4()}

    async def use(connection: AsyncConnection) -> str | None:
        return (await connection.execute(_USE, given)).scalar_one_or_none()

    user_id = await in_transaction(use, step=Step.SIGN_IN)
    if user_id is None:
        raise SignInCodeInvalid
    return user_id


def _hash(code: str) -> bytes:
    # Of random bits: there is nothing to guess, and so nothing to slow down.
    return hashlib.sha256(code.encode()).digest()


_FORGET = text("""
    DELETE FROM sign_in_codes
    WHERE expires_at < clock_timestamp() - make_interval(secs => CAST(:seconds AS integer))
""")
_STORE = text("""
    INSERT INTO sign_in_codes (code_hash, user_id, expires_at)
    VALUES (:code_hash, :user_id,
            clock_timestamp() + make_interval(secs => CAST(:seconds AS integer)))
    ON CONFLICT DO NOTHING
""")
_OWNER = text("SELECT user_id FROM sign_in_codes WHERE code_hash = :code_hash")
_READ = text("""
    SELECT user_id, expires_at FROM sign_in_codes
    WHERE code_hash = :code_hash AND used_at IS NULL AND expires_at > clock_timestamp()
""")
_USE = text("""
    UPDATE sign_in_codes SET used_at = clock_timestamp(), used_by = :call
    WHERE code_hash = :code_hash
      AND (used_by = :call OR (used_at IS NULL AND expires_at > clock_timestamp()))
    RETURNING user_id
""")
