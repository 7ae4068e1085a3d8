"""The way to the identity provider and back: addresses that a browser goes to, no calls.

Whatever goes wrong ends on the page that signs in, which has a sentence for its code.
"""

from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from app.api.gate import NO_USER
from app.api.problems import RateLimited, RouteMissing
from app.api.rate_limit import RateLimits
from app.api.state import api_state
from app.errors import DomainError
from app.users.oidc import ATTEMPT_S, BEGIN, CALLBACK, ProviderSignIn, SignInStateLost
from app.users.sign_in import PAGE

SEE_OTHER = 303

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

router = APIRouter(include_in_schema=False)


@router.get(BEGIN)
async def begin(request: Request) -> RedirectResponse:
    """Sends the browser to the provider, with a cookie by which its way back is known."""
    sign_in = _sign_in(request)
    try:
        await _count(request)
        address, cookie = await sign_in.begin(request.query_params.get("next", "/"))
    except DomainError as refusal:
        return _refused(request, refusal)
    answer = _to(address)
    answer.set_cookie(
        _cookie(request),
        cookie,
        max_age=ATTEMPT_S,
        httponly=True,
        samesite="lax",
        secure=_is_encrypted(request),
    )
    return answer


@router.get(CALLBACK)
async def finish(request: Request) -> RedirectResponse:
    """Goes on where the page names the user and asks whether to sign in."""
    sign_in, given = _sign_in(request), request.query_params
    try:
        await _count(request)
        if len(given) != len(given.multi_items()):
            raise SignInStateLost  # A parameter twice: either may be forged.
        attempt = await sign_in.finish(given, request.cookies.get(_cookie(request)))
    except DomainError as refusal:
        return _refused(request, refusal)
    query = {"code": attempt.code} | ({"next": attempt.path} if attempt.path != "/" else {})
    return _forgetting(request, _to(f"{PAGE}?{urlencode(query)}"))


def _sign_in(request: Request) -> ProviderSignIn:
    found = api_state(request).provider
    if found is None:
        raise RouteMissing
    return found


async def _count(request: Request) -> None:
    rates: RateLimits = request.app.state.rates
    quota = await rates.count(NO_USER)
    if not quota.is_admitted:
        raise RateLimited(retry_after_s=quota.wait_s)


def _refused(request: Request, refusal: DomainError) -> RedirectResponse:
    cause = refusal.__cause__
    log.warning(
        "sign_in.refused", code=refusal.code, reason=None if cause is None else type(cause).__name__
    )
    return _forgetting(request, _to(f"{PAGE}?{urlencode({'refused': refusal.code})}"))


def _to(address: str) -> RedirectResponse:
    return RedirectResponse(address, SEE_OTHER, headers={"cache-control": "no-store"})


def _forgetting(request: Request, answer: RedirectResponse) -> RedirectResponse:
    answer.delete_cookie(
        _cookie(request), httponly=True, samesite="lax", secure=_is_encrypted(request)
    )
    return answer


def _is_encrypted(request: Request) -> bool:
    return (api_state(request).settings.public_url or "").startswith("https://")


def _cookie(request: Request) -> str:
    """With a prefix that no neighbour under the same domain can set it by (RFC 6265bis)."""
    return ("__Host-" if _is_encrypted(request) else "") + "sixfold-sign-in"
