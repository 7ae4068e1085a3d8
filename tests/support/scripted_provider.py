"""An identity provider that says what a test tells it to, over HTTP on loopback.

It keeps the rules of a good one: a code is taken once, from the client it was made for, with the
verifier that its challenge was made of (RFC 7636). `claims`, `header` and `signs_with` make it bad.
"""

import asyncio
import base64
import hashlib
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

KEY_ID = "one"
ALGORITHM = "RS256"


@cache
def rsa_key(name: str = KEY_ID, *, bits: int = 2048) -> rsa.RSAPrivateKey:
    """The same one for a name: to make one takes time."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def jwk_of(key: rsa.RSAPrivateKey, key_id: str | None = KEY_ID, **more: str) -> dict[str, Any]:
    """The public half, as a key set has it."""
    told = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return told | ({} if key_id is None else {"kid": key_id}) | more


@dataclass(frozen=True)
class Seen:
    path: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class ScriptedProvider:
    """`async with ScriptedProvider() as provider:` answers at `provider.issuer`."""

    claims: dict[str, Any] = field(default_factory=dict)
    """Of the next ID tokens, in place of good ones; None leaves one out."""
    header: dict[str, Any] = field(default_factory=lambda: {"kid": KEY_ID})
    signs_with: Any = field(default_factory=rsa_key)
    algorithm: str = ALGORITHM
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk_of(rsa_key())])
    described: dict[str, Any] = field(default_factory=dict)
    """What it says of itself beside the usual, or in its place."""
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Of a path, in place of its own: status and body."""
    silent: set[str] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)

    async def __aenter__(self) -> "ScriptedProvider":
        self._codes: dict[str, dict[str, str]] = {}
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.issuer = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """From now on nothing answers there."""
        self._server.close()

    def consent(self, address: str) -> str:
        """What a browser is sent back to, once its user has signed in at `address`."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        told = {"code": code, "state": asked["state"]}
        return f"{urlsplit(asked['redirect_uri']).path}?{urlencode(told)}"

    def asked(self, path: str) -> list[Seen]:
        """The requests to a path."""
        return [one for one in self.seen if one.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {
                    name.lower(): value
                    for name, value in (one.split(": ", 1) for one in lines if one)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
                path = first.split(" ")[1]
                self.seen.append(Seen(path, headers, form))
                if path in self.silent:
                    await reader.read()  # Until the other side gives up.
                    break
                status, answer = self.answers.get(path) or self._answer(path, headers, form)
                writer.write(
                    f"HTTP/1.1 {status} Told\r\ncontent-length: {len(answer)}\r\n"
                    "content-type: application/json\r\nlocation: /jwks\r\n\r\n".encode()
                    + answer
                )
                await writer.drain()
        writer.transport.abort()

    def _answer(
        self, path: str, headers: dict[str, str], form: dict[str, str]
    ) -> tuple[int, bytes]:
        match path:
            case "/.well-known/openid-configuration":
                usual = {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/jwks",
                }
                return 200, json.dumps(usual | self.described).encode()
            case "/jwks":
                return 200, json.dumps({"keys": self.keys}).encode()
            case "/token":
                return self._exchange(headers, form)
            case _:
                return 404, b"{}"

    def _exchange(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, bytes]:
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_known = asked is not None and (
            (challenge, form["redirect_uri"], client_of(headers, form)[0])
            == (asked["code_challenge"], asked["redirect_uri"], asked["client_id"])
        )
        if asked is None or not is_known:
            return 400, b'{"error": "invalid_grant"}'
        return 200, json.dumps({"id_token": self.token(asked)}).encode()

    def token(self, asked: dict[str, str]) -> str:
        """An ID token for who was asked about."""
        now = int(time.time())
        usual: dict[str, Any] = {
            "iss": self.issuer,
            "aud": asked["client_id"],
            "sub": "248289",
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
        }
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        if self.algorithm == "none":
            parts = ({"alg": "none"} | self.header, claims)
            encoded = [base64.urlsafe_b64encode(json.dumps(one).encode()) for one in parts]
            return b".".join([*(one.rstrip(b"=") for one in encoded), b""]).decode()
        return jwt.encode(claims, self.signs_with, algorithm=self.algorithm, headers=self.header)


def client_of(headers: dict[str, str], form: dict[str, str]) -> tuple[str, str | None]:
    """Who exchanges a code, and the secret that it shows."""
    if authorization := headers.get("authorization"):
        login = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        name, _, secret = login.partition(":")
        return unquote_plus(name), unquote_plus(secret)  # RFC 6749, 2.3.1
    return form["client_id"], form.get("client_secret")
