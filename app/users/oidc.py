"""Signing in by an identity provider: OpenID Connect, authorization code with PKCE (RFC 7636).

The browser keeps an attempt in a signed cookie while it is away at the provider; `state`, `nonce`,
the verifier and the code that signs in at the end follow from its id by a key of this installation.
What comes back becomes a one-time code (`app.users.sign_in`): the page names the user, and a click
uses it. docs/adr/0024 says why.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from app.errors import DomainError
from app.settings import Settings
from app.users.auth import PUBLIC_KEY_ALGORITHMS, is_user_id, is_weak
from app.users.sign_in import PROVIDER_PREFIX, store_code

BEGIN, CALLBACK = "/sign-in/oidc", "/sign-in/oidc/callback"
ATTEMPT_S = 600
"""From the first click to the way back: a person may have to find a second factor."""
ATTEMPT_ID_BYTES = 32
CLOCK_S = 60
"""How far the provider's clock may be off."""
CODE_CHARS_MAX = 2_048
PREFIX, SEPARATOR = "oidc|", "|"
"""Of user ids; no issuer has the second."""

_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]{0,500}")
_REQUIRED = ("exp", "iat", "iss", "aud", "sub")
_DENIED = frozenset({"access_denied", "consent_required", "login_required", "interaction_required"})
_AWAY = frozenset({"server_error", "temporarily_unavailable"})


class SignInStateLost(DomainError):
    """This sign-in was not begun in this browser, or too long ago; begin again."""

    code, http_status = "sign_in_state_lost", 400


class SignInDenied(DomainError):
    """The sign-in was declined at the identity provider."""

    code, http_status = "sign_in_denied", 403


class SignInRejected(DomainError):
    """The identity provider did not complete this sign-in; begin again."""

    code, http_status = "sign_in_rejected", 502


class SignInProviderAway(DomainError):
    """The identity provider does not answer just now, or not as it should."""

    code, http_status = "sign_in_provider_away", 503


class SignInWrongIssuer(DomainError):
    """The answer came from another identity provider than the one that was asked."""

    code, http_status = "sign_in_wrong_issuer", 502


class SignInClock(DomainError):
    """By the clock here, the answer of the identity provider is not valid now."""

    code, http_status = "sign_in_clock", 502


class SignInUntrusted(DomainError):
    """The answer of the identity provider is not meant for this sign-in, or not signed by it."""

    code, http_status = "sign_in_untrusted", 502


class SignInNoUser(DomainError):
    """The identity provider names no user that can be one here."""

    code, http_status = "sign_in_no_user", 403


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings of one provider and of this client at it."""

    issuer: str
    client_id: str
    client_secret: str | None
    user_claim: str
    redirect_url: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the provider and back. `path` is where it goes on afterwards."""

    id: str
    path: str
    state: str
    nonce: str
    verifier: str
    code: str

    @property
    def challenge(self) -> str:
        """The SHA-256 of the verifier, which the provider gets first."""
        return _encoded(hashlib.sha256(self.verifier.encode()).digest())


class Provider(Protocol):
    """An identity provider. What it raises: SignInProviderAway, SignInWrongIssuer."""

    async def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser is sent."""
        ...

    async def names_itself(self) -> bool:
        """Whether its way back always has `iss` (RFC 9207)."""
        ...

    async def id_token(self, code: str, *, verifier: str) -> str:
        """The ID token that it gives for the code. Raises SignInRejected."""
        ...

    async def key_of(self, token: str) -> jwt.PyJWK:
        """The key that the token says it is signed with. Raises SignInUntrusted."""
        ...

    async def close(self) -> None:
        """Closes its connections."""
        ...


class Attempts:
    """Makes attempts, and verifies those that browsers bring back."""

    def __init__(self, secret: str) -> None:
        """`secret` also signs tokens: the key here is derived from it, so a cookie is no token."""
        self._key = hmac.digest(secret.encode(), b"sixfold.sign-in-attempt", "sha256")

    def begin(self, path: str) -> tuple[Attempt, str]:
        """A new attempt, and the value of its cookie."""
        attempt = self._attempt(secrets.token_urlsafe(ATTEMPT_ID_BYTES), path)
        claims = {"jti": attempt.id, "path": path, "exp": int(time.time()) + ATTEMPT_S}
        return attempt, jwt.encode(claims, self._key, algorithm="HS256")

    def read(self, cookie: str | None, *, state: str) -> Attempt:
        """The attempt of this browser, to which `state` belongs. Raises SignInStateLost."""
        try:
            claims: dict[str, Any] = jwt.decode(
                cookie or "", self._key, algorithms=["HS256"], options={"require": ["exp", "jti"]}
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise SignInStateLost from error
        attempt = self._attempt(claims["jti"], claims["path"])
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise SignInStateLost
        return attempt

    def _attempt(self, id_: str, path: str) -> Attempt:
        def derived(purpose: str) -> str:
            return _encoded(hmac.digest(self._key, f"{purpose}:{id_}".encode(), "sha256"))

        code = PROVIDER_PREFIX + derived("code")
        return Attempt(id_, path, derived("state"), derived("nonce"), derived("verifier"), code)


class ProviderSignIn:
    """Signing in by one provider."""

    def __init__(self, terms: Terms, attempts: Attempts, provider: Provider) -> None:
        self._terms, self._attempts, self._provider = terms, attempts, provider

    async def close(self) -> None:
        """Closes the connections to the provider."""
        await self._provider.close()

    async def begin(self, path: str) -> tuple[str, str]:
        """Where the browser goes, and the cookie that it keeps meanwhile.

        Raises SignInProviderAway, SignInWrongIssuer.
        """
        attempt, cookie = self._attempts.begin(own_path(path))
        return await self._provider.authorization_url(attempt), cookie

    async def finish(self, given: Mapping[str, str], cookie: str | None) -> Attempt:
        """The attempt that the browser comes back from, whose code signs its user in, once.

        `given` are the parameters of the callback. Raises what is defined above, and Unavailable.
        """
        attempt = self._attempts.read(cookie, state=given.get("state", ""))
        await self._check_answer(given)
        code = given.get("code", "")
        if not 1 <= len(code) <= CODE_CHARS_MAX:
            raise SignInRejected
        token = await self._provider.id_token(code, verifier=attempt.verifier)
        key = await self._provider.key_of(token)
        user_id = user_of(token, key, self._terms, nonce=attempt.nonce)
        await store_code(user_id, attempt.code)
        return attempt

    async def _check_answer(self, given: Mapping[str, str]) -> None:
        issuer = given.get("iss")
        if issuer is None and await self._provider.names_itself():
            raise SignInWrongIssuer
        if issuer not in (None, self._terms.issuer):
            raise SignInWrongIssuer
        match given.get("error"):
            case None:
                return
            case error if error in _DENIED:
                raise SignInDenied
            case error if error in _AWAY:
                raise SignInProviderAway
            case _:
                raise SignInRejected


def user_of(token: str, key: jwt.PyJWK, terms: Terms, *, nonce: str) -> str:
    """The id, here, of the user whom an ID token names.

    Raises SignInClock, SignInWrongIssuer, SignInUntrusted, SignInNoUser.
    """
    if is_weak(key):
        raise SignInUntrusted
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(PUBLIC_KEY_ALGORITHMS),
            audience=terms.client_id,
            issuer=terms.issuer,
            leeway=CLOCK_S,
            options={"require": list(_REQUIRED)},
        )
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError) as error:
        raise SignInClock from error
    except jwt.InvalidIssuerError as error:
        raise SignInWrongIssuer from error
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise SignInUntrusted from error
    _check_recipient(claims, terms.client_id)
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise SignInUntrusted
    return user_id_of(claims, terms)


def user_id_of(claims: Mapping[str, Any], terms: Terms) -> str:
    """`oidc|<issuer>|<claim>`, the issuer without https://: so no two issuers, and no id that was
    given here otherwise, come to the same. Raises SignInNoUser.

    An address that the provider has not verified may be another person's.
    """
    value = claims.get(terms.user_claim)
    if not isinstance(value, str) or not value.strip():
        raise SignInNoUser
    if terms.user_claim == "email" and claims.get("email_verified") is not True:
        raise SignInNoUser
    user_id = f"{PREFIX}{terms.issuer.removeprefix('https://')}{SEPARATOR}{value}"
    if not is_user_id(user_id):
        raise SignInNoUser
    return user_id


def own_path(given: str) -> str:
    """`given` if it is a place of the console, else its first page."""
    is_own = _OWN_PATH.fullmatch(given) is not None and not given.startswith("/sign-in")
    return given if is_own else "/"


def open_provider(settings: Settings) -> ProviderSignIn | None:
    """Signing in by the provider that the settings name; to be closed in the end."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    if settings.public_url is None or settings.auth_secret is None:
        raise RuntimeError("settings were accepted that name a provider and not all it needs")
    from app.users.oidc_provider import HttpProvider  # Its client is loaded where one is asked.

    secret = settings.oidc_client_secret
    terms = Terms(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=None if secret is None else secret.get_secret_value(),
        user_claim=settings.oidc_user_claim,
        redirect_url=settings.public_url.rstrip("/") + CALLBACK,
    )
    attempts = Attempts(settings.auth_secret.get_secret_value())
    return ProviderSignIn(terms, attempts, HttpProvider(terms))


def _check_recipient(claims: Mapping[str, Any], client_id: str) -> None:
    """OpenID Connect Core 3.1.3.7: of several audiences, the one that it was issued to is named."""
    audience = claims["aud"]
    is_shared = isinstance(audience, list) and audience != [client_id]
    if claims.get("azp", None if is_shared else client_id) != client_id:
        raise SignInUntrusted


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
