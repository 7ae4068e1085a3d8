"""Who is signed in: signing in by a one-time code, signing out, and what the caller is."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.credits import BalanceBody
from app.api.identity import Caller, StoredText
from app.api.problems import EVERYWHERE, refusals
from app.api.state import ApiState, api_state
from app.credits.accounts import opened_balance, read_not_before
from app.users.auth import Unauthorized, issue_token
from app.users.sign_in import (
    CODE_CHARS_MAX,
    PROVIDER_PREFIX,
    SignInCodeInvalid,
    read_code,
    use_code,
)

SESSION_S = 12 * 3600
_WITHOUT_TOKEN = tuple(error for error in EVERYWHERE if error is not Unauthorized)

router = APIRouter(prefix="/api", tags=["session"])


class CodeBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Annotated[StoredText, Field(min_length=1, max_length=CODE_CHARS_MAX)]


class PendingBody(BaseModel):
    """Whom a code signs in; it can be used until `expires_at`."""

    user_id: str
    expires_at: datetime


class SessionBody(BaseModel):
    """A token, which is valid until `expires_at` or until its user signs out."""

    token: str
    user_id: str
    expires_at: datetime


class MeBody(BaseModel):
    user_id: str
    token_expires_at: datetime
    balance: BalanceBody


@router.post("/sign-in/preview", responses=refusals(SignInCodeInvalid, besides=_WITHOUT_TOKEN))
async def preview_sign_in(request: Request, given: CodeBody) -> PendingBody:
    """Whom a one-time code would sign in, to be confirmed; the code stays valid."""
    _check_taken(api_state(request), given.code)
    pending = await read_code(given.code)
    return PendingBody(user_id=pending.user_id, expires_at=pending.expires_at)


@router.post("/sign-in", responses=refusals(SignInCodeInvalid, besides=_WITHOUT_TOKEN))
async def sign_in(request: Request, given: CodeBody) -> SessionBody:
    """Uses a one-time code up, for a token of its user. Only where local sign-in, or signing in by
    an identity provider, is enabled."""
    state = api_state(request)
    _check_taken(state, given.code)
    user_id = await use_code(given.code)
    issued_at = await _after_last_sign_out(user_id)
    token = issue_token(state.settings, user_id, (), SESSION_S, issued_at=issued_at)
    return SessionBody(token=token, user_id=user_id, expires_at=_time(int(issued_at) + SESSION_S))


@router.post("/sign-out", status_code=204, responses=refusals())
async def sign_out(request: Request, principal: Caller) -> None:
    """Ends all sessions of the user: every token issued until now is refused, streams end."""
    await api_state(request).sessions.sign_out(principal)


@router.get("/me", responses=refusals())
async def get_me(principal: Caller) -> MeBody:
    """Who is signed in, until when, and the coins; the first visit opens the account."""
    balance = await opened_balance(principal.user_id)
    return MeBody(
        user_id=principal.user_id,
        token_expires_at=_time(principal.expires_at),
        balance=BalanceBody(available=balance.available, held=balance.held),
    )


def _check_taken(state: ApiState, code: str) -> None:
    """Raises SignInCodeInvalid where codes of this origin are not taken."""
    is_of_provider = code.startswith(PROVIDER_PREFIX)
    if not (state.provider is not None if is_of_provider else state.settings.local_sign_in):
        raise SignInCodeInvalid


async def _after_last_sign_out(user_id: str) -> float:
    """Now, or just after the user's last sign-out, by whose clock it may not be over."""
    now = datetime.now(UTC).timestamp()
    not_before = (await read_not_before([user_id])).get(user_id, now)
    return max(now, not_before + 0.001)


def _time(unix_s: float) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
