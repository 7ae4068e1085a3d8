"""Who calls: a bearer token (RFC 6750) that is a JWT, checked completely or refused.

One way a process: HS256 with a shared secret, or RS256 and ES256 with the keys behind one fixed
JWKS address. What a token's header says about keys (`jku`, `x5u`, `jwk`) is ignored.
"""

import asyncio
import time
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard

import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from app.errors import DomainError, Unavailable
from app.settings import Settings, SettingsError

USER_ID_CHARS_MAX = 255
PSEUDONYM = "deleted:"
"""What stands in the ledger in place of a deleted user's id begins so."""
TOKEN_CHARS_MAX = 8_192
TOKENS_KNOWN_MAX = 4_096
JWKS_TIMEOUT_S = 5
JWKS_LIFESPAN_S = 300
JWKS_FETCHES_MAX = 8
RSA_BITS_MIN = 2_048
TIME_MAX = 253_402_300_799
"""The last second of the year 9999."""
AHEAD_MAX_S = 60
"""How far the clock of an issuer may be ahead: a sign-out counts for what was issued before it."""

GRANT_SCOPE = "credits:grant"
REFUND_SCOPE = "credits:refund"

PUBLIC_KEY_ALGORITHMS = ("RS256", "ES256")
_SECRET_ALGORITHMS = ("HS256",)
_REQUIRED = ("exp", "iss", "aud", "sub")
# Control characters, and halves of characters that no UTF-8 text can hold.
_UNFIT_CATEGORIES = ("Cc", "Cs")

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Unauthorized(DomainError):
    """A valid bearer token is needed."""

    code, http_status = "unauthorized", 401


@dataclass(frozen=True, slots=True)
class Principal:
    """The user of a request, and what the token allows until `expires_at` (Unix seconds).

    A token that does not say when it was issued counts as issued at 0.
    """

    user_id: str
    scopes: frozenset[str]
    expires_at: float
    issued_at: float = 0


class TokenVerifier(Protocol):
    """Checks tokens."""

    async def verify(self, token: str) -> Principal:
        """Whose token it is. Raises Unauthorized, or Unavailable when no key can be had."""
        ...


class SecretVerifier:
    """Tokens signed with the secret of this installation, or with one of those before it."""

    def __init__(self, *secrets: str, audience: str, issuer: str) -> None:
        self._secrets = secrets
        self._known: dict[str, Principal] = {}
        self._expected = _Expected(audience, issuer)

    async def verify(self, token: str) -> Principal:
        """As TokenVerifier. A token that was good stays good until it expires: it is remembered."""
        known = self._known.get(token)
        if known is not None and time.time() < known.expires_at:
            return known
        verified = self._verified(token)
        if len(self._known) >= TOKENS_KNOWN_MAX:
            self._known.clear()
        self._known[token] = verified
        return verified

    def _verified(self, token: str) -> Principal:
        for secret in self._secrets:
            try:
                return _verified(token, secret, _SECRET_ALGORITHMS, self._expected)
            except Unauthorized as error:
                if not isinstance(error.__cause__, jwt.InvalidSignatureError):
                    raise
        raise Unauthorized


class JwksVerifier:
    """Tokens signed with a key of an identity provider, found by its id at a fixed address."""

    def __init__(self, keys: jwt.PyJWKClient, *, audience: str, issuer: str) -> None:
        self._keys = keys
        self._expected = _Expected(audience, issuer)
        self._fetches = asyncio.Semaphore(JWKS_FETCHES_MAX)

    async def verify(self, token: str) -> Principal:
        """As TokenVerifier. Unknown key ids cause at most one fetch each 30 seconds."""
        if len(token) > TOKEN_CHARS_MAX:
            raise Unauthorized
        async with self._fetches:
            key = await asyncio.to_thread(self._signing_key, token)
        if is_weak(key):
            log.error("auth.weak_key", key_id=key.key_id, bits_min=RSA_BITS_MIN)
            raise Unauthorized
        return _verified(token, key, PUBLIC_KEY_ALGORITHMS, self._expected)

    def _signing_key(self, token: str) -> jwt.PyJWK:
        try:
            return self._keys.get_signing_key_from_jwt(token)
        except jwt.PyJWKClientConnectionError as error:
            log.warning("auth.keys_unreachable")
            raise Unavailable("The signing keys cannot be had just now.") from error
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthorized from error


def token_verifier(settings: Settings) -> TokenVerifier:
    """The verifier that these settings name."""
    audience, issuer = settings.auth_audience, settings.auth_issuer
    if settings.auth_jwks_url is not None:
        keys = jwt.PyJWKClient(
            settings.auth_jwks_url, lifespan=JWKS_LIFESPAN_S, timeout=JWKS_TIMEOUT_S
        )
        return JwksVerifier(keys, audience=audience, issuer=issuer)
    if settings.auth_secret is None:
        raise RuntimeError("settings were accepted without a way to authenticate")
    secrets = (settings.auth_secret, *settings.auth_secrets_previous)
    return SecretVerifier(
        *(secret.get_secret_value() for secret in secrets), audience=audience, issuer=issuer
    )


def check_keys(settings: Settings) -> None:
    """Raises SettingsError when the identity provider signs with a key that is too short.

    A provider that cannot be asked just now is no reason not to start: its keys are looked at
    whenever one of them is used.
    """
    if settings.auth_jwks_url is None:
        return
    try:
        found = jwt.PyJWKClient(settings.auth_jwks_url, timeout=JWKS_TIMEOUT_S).get_jwk_set().keys
    except (jwt.PyJWTError, ValueError) as error:
        log.warning("auth.keys_unreachable", reason=type(error).__name__)
        return
    for key in filter(is_weak, found):
        raise SettingsError(
            f"sixfold cannot start: SIXFOLD_AUTH_JWKS_URL: its key {key.key_id!r} is an RSA key of"
            f" less than {RSA_BITS_MIN} bits"
        )


def is_weak(key: jwt.PyJWK) -> bool:
    """Whether it is an RSA key that is too short to be trusted."""
    found: object = key.key
    return isinstance(found, RSAPublicKey) and found.key_size < RSA_BITS_MIN


def issue_token(
    settings: Settings,
    user_id: str,
    scopes: Iterable[str],
    ttl_s: float,
    *,
    issued_at: float | None = None,
) -> str:
    """A token for `user_id`, issued now or at `issued_at`; only where tokens are signed with a
    secret.

    Raises ValueError when an identity provider issues them, or the user id is not acceptable.
    """
    if settings.auth_secret is None:
        raise ValueError("tokens come from the identity provider behind SIXFOLD_AUTH_JWKS_URL")
    check_user_id(user_id)
    # A fraction too: who signs in again within the second of a sign-out is let in.
    now = time.time() if issued_at is None else issued_at
    claims: dict[str, Any] = {
        "sub": user_id,
        "aud": settings.auth_audience,
        "iss": settings.auth_issuer,
        "iat": now,
        "exp": int(now) + int(ttl_s),
        "scope": " ".join(scopes),
    }
    return jwt.encode(claims, settings.auth_secret.get_secret_value(), algorithm="HS256")


def check_user_id(user_id: str) -> None:
    """Raises ValueError unless there can be such a user."""
    if not is_user_id(user_id):
        raise ValueError(f"a user id is 1 to {USER_ID_CHARS_MAX} characters, none of control")


def is_user_id(value: object) -> bool:
    """Whether a token's subject can be a user here."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= USER_ID_CHARS_MAX
        and not value.startswith(PSEUDONYM)
        and not any(unicodedata.category(char) in _UNFIT_CATEGORIES for char in value)
    )


@dataclass(frozen=True, slots=True)
class _Expected:
    audience: str
    issuer: str


def _verified(
    token: str, key: str | jwt.PyJWK, algorithms: tuple[str, ...], expected: _Expected
) -> Principal:
    """Whose token it is. Raises Unauthorized."""
    if len(token) > TOKEN_CHARS_MAX:
        raise Unauthorized
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(algorithms),
            audience=expected.audience,
            issuer=expected.issuer,
            # Looked at below: the issuer's clock may be ahead.
            options={"require": list(_REQUIRED), "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise Unauthorized from error
    user_id, scope = claims["sub"], claims.get("scope", "")
    expires_at, issued_at = claims["exp"], claims.get("iat", 0)
    if not is_user_id(user_id) or not isinstance(scope, str):
        raise Unauthorized
    if not _is_time(expires_at) or not _is_time(issued_at):
        raise Unauthorized
    if issued_at > time.time() + AHEAD_MAX_S:
        raise Unauthorized
    return Principal(user_id, frozenset(scope.split()), float(expires_at), float(issued_at))


def _is_time(value: object) -> TypeGuard[float]:
    """Whether it is a NumericDate (RFC 7519) that a clock can show."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= TIME_MAX  # No number and infinity are not; a float holds no huge integer.
