"""Asking an identity provider over HTTP: discovery, its keys, and the exchange of a code.

Each call has a time, its answer a size; no redirect is followed. What the provider says of itself
and its keys are kept for a while, and asked for once at a time.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, cast
from urllib.parse import quote, urlencode

import httpx2
import jwt
import orjson
import structlog

from app.errors import DomainError
from app.users.oidc import (
    Attempt,
    SignInProviderAway,
    SignInRejected,
    SignInUntrusted,
    SignInWrongIssuer,
    Terms,
)

CALL_S = 5.0
CALLS_MAX = 8
"""At once; one that waits for its turn uses up its own time."""
ANSWER_BYTES_MAX = 256 * 1024
TOKEN_CHARS_MAX = 32_768
KEPT_S = 300.0
AGAIN_S = 5.0
"""After a failure, and for a key that is not known, it is not asked again for so long."""
DISCOVERY = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_SCOPES = {"sub": "openid", "email": "openid email"}
_SIGNING_TYPES = ("RSA", "EC")

Value = TypeVar("Value")
Json = dict[str, Any]

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class HttpProvider:
    """The provider of these terms."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._client = httpx2.AsyncClient(timeout=CALL_S, follow_redirects=False)
        self._slots = asyncio.Semaphore(CALLS_MAX)
        self._described = _Kept(self._discover)
        self._keys = _Kept(self._fetch_keys)

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.aclose()

    async def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser is sent."""
        endpoint: str = (await self._described.get())["authorization_endpoint"]
        asked = {
            "response_type": "code",
            "client_id": self._terms.client_id,
            "redirect_uri": self._terms.redirect_url,
            "scope": _SCOPES.get(self._terms.user_claim, "openid profile"),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"

    async def names_itself(self) -> bool:
        """Whether its way back always has `iss` (RFC 9207)."""
        described = await self._described.get()
        return described.get("authorization_response_iss_parameter_supported") is True

    async def id_token(self, code: str, *, verifier: str) -> str:
        """The ID token for a code, which the provider takes once."""
        described = await self._described.get()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._terms.redirect_url,
            "code_verifier": verifier,
        }
        headers = self._authenticate(form, described)
        status, answer = await self._ask(
            "POST", described["token_endpoint"], data=form, headers=headers
        )
        if 400 <= status < 500 and status != 429:
            # An unknown client is a wrong setting; any other refusal concerns one code.
            is_setting = answer.get("error") in ("invalid_client", "unauthorized_client")
            write = log.error if is_setting else log.warning
            write("sign_in.code_rejected", status=status, error=str(answer.get("error"))[:40])
            raise SignInRejected
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str) or len(token) > TOKEN_CHARS_MAX:
            log.warning("sign_in.no_id_token", status=status)
            raise SignInProviderAway
        return token

    async def key_of(self, token: str) -> jwt.PyJWK:
        """The key that the token names; the only one there is, if it names none."""
        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError as error:
            raise SignInUntrusted from error
        found = _named(await self._keys.get(), key_id)
        if found is None:  # The provider may have a new one.
            found = _named(await self._keys.get(age_s_max=AGAIN_S), key_id)
        if found is None:
            raise SignInUntrusted
        return found

    def _authenticate(self, form: dict[str, str], described: Json) -> dict[str, str]:
        """Headers that say who exchanges the code; or fields, which are added to the form."""
        client_id, secret = self._terms.client_id, self._terms.client_secret
        methods = described.get("token_endpoint_auth_methods_supported")
        takes_only_fields = isinstance(methods, list) and "client_secret_basic" not in methods
        if secret is None or takes_only_fields:
            form |= {"client_id": client_id} | ({} if secret is None else {"client_secret": secret})
            return {}
        login = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"  # RFC 6749, 2.3.1
        return {"authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}

    async def _discover(self) -> Json:
        status, described = await self._ask("GET", self._terms.issuer.rstrip("/") + DISCOVERY)
        if status != 200:
            log.warning("sign_in.not_described", status=status)
            raise SignInProviderAway
        if described.get("issuer") != self._terms.issuer:
            log.error("sign_in.wrong_issuer", issuer=str(described.get("issuer"))[:200])
            raise SignInWrongIssuer
        for name in _ENDPOINTS:
            if not self._is_safe(described.get(name)):
                log.error("sign_in.unsafe_endpoint", endpoint=name)
                raise SignInProviderAway
        return described

    def _is_safe(self, url: object) -> bool:
        """Whether it is encrypted, as the issuer is; one on loopback need not be."""
        scheme = self._terms.issuer.partition("//")[0] + "//"
        return isinstance(url, str) and url.startswith(("https://", scheme))

    async def _fetch_keys(self) -> list[jwt.PyJWK]:
        status, answer = await self._ask("GET", (await self._described.get())["jwks_uri"])
        try:
            keys = jwt.PyJWKSet.from_dict(answer).keys
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.warning("sign_in.no_keys", status=status)
            raise SignInProviderAway from error
        return [
            key
            for key in keys
            if key.key_type in _SIGNING_TYPES and key.public_key_use in (None, "sig")
        ]

    async def _ask(self, method: str, url: str, **given: Any) -> tuple[int, Json]:
        """The status, and the object in the answer; an empty one where there is none."""
        body = bytearray()
        try:
            async with (
                asyncio.timeout(CALL_S),
                self._slots,
                self._client.stream(method, url, **given) as response,
            ):
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES_MAX:
                        break
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
            log.warning("sign_in.provider_unreachable", reason=type(error).__name__)
            raise SignInProviderAway from error
        try:
            answer: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = None
        return response.status_code, cast(Json, answer) if isinstance(answer, dict) else {}


class _Kept(Generic[Value]):
    """What was fetched, until it is old; fetched once for all who ask meanwhile."""

    def __init__(self, fetch: Callable[[], Awaitable[Value]]) -> None:
        self._fetch = fetch
        self._lock = asyncio.Lock()
        self._value: Value | None = None
        self._failure: DomainError = SignInProviderAway()
        self._at = self._failed_at = float("-inf")

    async def get(self, *, age_s_max: float = KEPT_S) -> Value:
        async with self._lock:
            now = time.monotonic()
            if self._value is not None and now - self._at < age_s_max:
                return self._value
            if now - self._failed_at < AGAIN_S:
                raise type(self._failure)
            try:
                self._value = await self._fetch()
            except (SignInProviderAway, SignInWrongIssuer) as error:
                self._failure, self._failed_at = error, time.monotonic()
                raise
            self._at = time.monotonic()
            return self._value


def _named(keys: list[jwt.PyJWK], key_id: object) -> jwt.PyJWK | None:
    if key_id is None:
        return keys[0] if len(keys) == 1 else None
    return next((key for key in keys if key.key_id == key_id), None)
