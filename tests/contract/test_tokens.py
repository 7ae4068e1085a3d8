"""Tokens that are nearly good, against the real API process: never in, never broken."""

import base64
import hashlib
import hmac
import json
import random
import sys
import time
from typing import Any

import httpx2
import pytest

from app.settings import Settings
from tests.contract.fuzzing import (
    SEED,
    UNLIMITED,
    answer_to,
    code_of,
    examples,
    in_batches,
    known_codes,
    one_of,
    port_of,
)

EXAMPLES = examples(1_000)
OFTEN = 0.06
HUGE = 10**400
NO_TIMES: list[Any] = [
    *(0, -1, 1e308, -1e308, HUGE, -HUGE, True, None, "4000000000", "", [4_000_000_000], {}),
    *(float("nan"), float("inf"), float("-inf"), 253_402_300_800, 1_000_000_000.5),
]
ALGORITHMS = ["none", "None", "nOnE", "HS384", "RS256", "ES256", "", None, 1, ["HS256"], {}]
USERS = ["alice", "bob", "Ωmega", "a" * 255, "ana@example.org", "名前"]
NO_USERS: list[Any] = [
    *("", "a" * 256, "al\0ice", "al\nice", "\ud800", "deleted:1", None, 7, True, ["alice"]),
    {"alice": 1},
]
AUDIENCES: list[Any] = ["sixfold", ["sixfold"], ["another", "sixfold"]]
NO_AUDIENCES: list[Any] = ["another", "", None, 1, [], [1], ["another"], {"sixfold": 1}]
HEADERS_BESIDE: list[dict[str, Any]] = [
    {}, {"typ": "JWT"}, {"kid": "../../etc/passwd"}, {"kid": 1}, {"jku": "https://example.com"},
    {"jwk": {"kty": "oct", "k": "AA"}}, {"x5u": "file:///etc/passwd"}, {"crit": ["exp"]},
    {"crit": "b64"}, {"b64": False}, {"typ": None}, {"zip": "DEF"},
]  # fmt: skip


def part(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def signature(head: bytes, secret: bytes, kind: Any = hashlib.sha256) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(secret, head, kind)).rstrip(b"=")


class Tokens:
    """Makes tokens by chance; of each, whom it may let in, if anybody."""

    def __init__(self, secret: str) -> None:
        self._chance = random.Random(SEED)
        self._secret = secret.encode()

    def token(self) -> tuple[bytes, str | None]:
        chance = self._chance
        claims, user = self._claims()
        algorithm = one_of(chance, ["HS256"], ALGORITHMS, often=OFTEN)
        head = part({"alg": algorithm} | one_of(chance, [{}], HEADERS_BESIDE, often=0.2))
        body = part(claims)
        if chance.random() < OFTEN:  # The same claim twice.
            body, user = self._twice(claims, user)
        signed = head + b"." + body
        keys = [b"", b"another secret, also long enough for HS256", self._secret[:-1]]
        key = one_of(chance, [self._secret], keys, often=OFTEN)
        made = signed + b"." + signature(signed, key)
        if algorithm != "HS256" or key != self._secret:
            user = None
        if chance.random() < 2 * OFTEN:
            return self._broken(made), user
        return made, user

    def _claims(self) -> tuple[dict[str, Any], str | None]:
        chance, now = self._chance, time.time()
        user = one_of(chance, USERS, NO_USERS, often=OFTEN)
        claims: dict[str, Any] = {"sub": user, "iss": "sixfold"}
        claims["aud"] = one_of(chance, AUDIENCES, NO_AUDIENCES, often=OFTEN)
        claims["exp"] = one_of(chance, [now + 3600, int(now) + 60], NO_TIMES, often=OFTEN)
        claims["iat"] = one_of(chance, [now - 5, int(now)], [now + 1e6, *NO_TIMES], often=OFTEN)
        if chance.random() < 0.3:
            claims["nbf"] = one_of(chance, [now - 5], [now + 1e6, *NO_TIMES], often=0.2)
        if chance.random() < 0.3:
            claims["scope"] = one_of(chance, ["", "credits:grant"], [1, ["a"], None], often=0.2)
        for name in list(claims):
            if chance.random() < OFTEN / 4:
                del claims[name]
        return claims, user if isinstance(user, str) else None

    def _twice(self, claims: dict[str, Any], user: str | None) -> tuple[bytes, str | None]:
        """The last one counts (RFC 7519, 4)."""
        name, value = self._chance.choice(["sub", "exp", "aud"]), None
        if name == "sub":
            user = value = self._chance.choice(USERS)
        value = value or claims.get(name)
        plain = json.dumps(claims)[:-1] + f', "{name}": {json.dumps(value)}}}'
        return base64.urlsafe_b64encode(plain.encode()).rstrip(b"="), user

    def _broken(self, made: bytes) -> bytes:
        """A token that was good perhaps, with something that no token has."""
        chance = self._chance
        place = chance.randrange(len(made))
        head, body, _ = made.split(b".")
        return chance.choice(
            [
                made[:place], made[place:], made + b".", b"." + made, made + b"." + body, b"..",
                head + b"." + body, head + b"." + body + b".", made.replace(b".", b"..", 1),
                made[:place] + bytes([chance.randrange(0x21, 0x100)]) + made[place:],
                made[:place] + b" " + made[place:], made[:place] + b"\xc3\xa9" + made[place:],
                body + b"." + head + b"." + body, made + b"a" * 9_000, made + b"a" * 40_000,
                part([]) + b"." + body + b".", part("HS256") + b"." + body + b".",
                b"[" * 4_000, part({"alg": "HS256"}) + b"." + part([]) + b".",
            ]
        )  # fmt: skip

    def value(self) -> tuple[bytes, str | None]:
        """Of an Authorization header."""
        made, user = self.token()
        schemes = [b"Basic ", b"", b"Bearer", b"Bearer Bearer ", b"Bearer\t", b"Token ", b"bearer:"]
        scheme = one_of(self._chance, [b"Bearer ", b"bearer ", b"BEARER  "], schemes, often=OFTEN)
        return scheme + made, user if scheme.lower().rstrip(b" ") == b"bearer" else None


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return environment | UNLIMITED


@pytest.mark.timeout(3_000)
async def test_no_token_lets_in_but_a_good_one_as_its_own_user(
    api: httpx2.AsyncClient, settings: Settings
) -> None:
    assert settings.auth_secret is not None
    tokens = Tokens(settings.auth_secret.get_secret_value())
    codes, port = await known_codes(api, "/api/me", "get"), port_of(api)

    async def each(made: tuple[bytes, str | None]) -> str:
        value, user = made
        sent = b"GET /api/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: " + value
        answer = await answer_to(port, sent + b"\r\n\r\n")
        assert answer is not None, sent
        if answer.status == 200:
            assert json.loads(answer.body)["user_id"] == user, sent
            return "let in"
        if user is not None and answer.code == "unauthorized":
            return "refused for its claims"
        return code_of(answer, sent, codes)

    seen = await in_batches(each, (tokens.value() for _ in range(EXAMPLES)))
    assert {"let in", "refused for its claims", "unauthorized", "headers_too_large"} <= set(seen)
    assert seen["let in"] > EXAMPLES / 5
    assert (await api.get("/healthz")).status_code == 200
    sys.stdout.write(f"{EXAMPLES} tokens: {dict(seen)}\n")
