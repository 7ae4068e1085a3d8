import base64
import json
import time
import warnings
from contextlib import nullcontext
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr

from app.settings import Settings, SettingsError
from app.users.auth import JwksVerifier, Unauthorized, check_keys, issue_token, token_verifier
from tests.support.api import Client, refusal

GOOD = {"sub": "alice", "aud": "sixfold", "iss": "sixfold", "exp": 4_000_000_000}


def signed(settings: Settings, algorithm: str = "HS256", **claims: Any) -> str:
    assert settings.auth_secret is not None
    kept = {name: value for name, value in (GOOD | claims).items() if value is not None}
    return jwt.encode(kept, settings.auth_secret.get_secret_value(), algorithm=algorithm)


async def ask(client: Client, token: str) -> httpx2.Response:
    return await client.get("/api/credits", headers={"authorization": f"Bearer {token}"})


async def test_a_request_without_a_token_is_told_how_to_authenticate(stranger: Client) -> None:
    reply = await stranger.get("/api/credits")
    assert refusal(reply) == (401, "unauthorized")
    assert reply.headers["www-authenticate"] == "Bearer"


async def test_a_good_token_is_accepted(stranger: Client, settings: Settings) -> None:
    assert (await ask(stranger, signed(settings))).status_code == 200


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"aud": "another"},
        {"aud": None},
        {"iss": "another"},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a" * 256},
        {"sub": "al\nice"},
        {"sub": "al\x00ice"},
        {"scope": ["credits:grant"]},
        {"nbf": 3_900_000_000},
    ],
)
async def test_a_token_with_wrong_claims_is_refused(
    stranger: Client, settings: Settings, claims: dict[str, Any]
) -> None:
    assert refusal(await ask(stranger, signed(settings, **claims))) == (401, "unauthorized")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_algorithm_with_the_right_secret_is_refused(
    stranger: Client, settings: Settings, algorithm: str
) -> None:
    assert settings.auth_secret is not None
    long_secret = settings.auth_secret.get_secret_value()
    token = jwt.encode(GOOD, long_secret.ljust(64), algorithm=algorithm)
    assert refusal(await ask(stranger, token)) == (401, "unauthorized")


async def test_an_unsigned_token_is_refused(stranger: Client) -> None:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    for algorithm in ("none", "None", "NONE"):
        token = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(GOOD)}."
        assert refusal(await ask(stranger, token)) == (401, "unauthorized")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "ü.ü.ü", "a" * 20_000])
async def test_what_is_no_token_is_refused(stranger: Client, token: str) -> None:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    reply = await stranger.get("/api/credits", headers=headers)
    assert refusal(reply) == (401, "unauthorized")


async def test_a_lone_surrogate_in_the_subject_is_refused(
    stranger: Client, settings: Settings
) -> None:
    assert settings.auth_secret is not None
    payload = json.dumps(GOOD | {"sub": "\ud800"}).encode()
    token = jwt.PyJWS().encode(payload, settings.auth_secret.get_secret_value(), algorithm="HS256")
    assert refusal(await ask(stranger, token)) == (401, "unauthorized")


async def test_tokens_are_issued_only_for_users_that_can_exist(settings: Settings) -> None:
    token = issue_token(settings, "alice", ["credits:grant"], ttl_s=60)
    principal = await token_verifier(settings).verify(token)
    assert (principal.user_id, principal.scopes) == ("alice", frozenset({"credits:grant"}))
    with pytest.raises(ValueError, match="user id"):
        issue_token(settings, "al\nice", [], ttl_s=60)


async def test_a_rotation_of_the_secret_logs_nobody_out(settings: Settings) -> None:
    """Old secrets check tokens, the newest one signs them; one that is forgotten opens nothing."""
    first, second, third = (SecretStr(letter * 40) for letter in "abc")
    tokens = [
        issue_token(settings.model_copy(update={"auth_secret": secret}), "alice", (), ttl_s=60)
        for secret in (first, second, third)
    ]
    previous = SecretStr(f"{second.get_secret_value()},{first.get_secret_value()}")
    rotated = {"auth_secret": third, "auth_secret_previous": previous}
    verifier = token_verifier(settings.model_copy(update=rotated))
    for token in tokens:
        assert (await verifier.verify(token)).user_id == "alice"
    signed_now = issue_token(settings.model_copy(update=rotated), "alice", (), ttl_s=60)
    jwt.decode(signed_now, "c" * 40, algorithms=["HS256"], audience="sixfold")
    forgotten = {"auth_secret": third, "auth_secret_previous": second}
    with pytest.raises(Unauthorized):
        await token_verifier(settings.model_copy(update=forgotten)).verify(tokens[0])


@pytest.mark.parametrize(
    "iat", [True, "1", float("inf"), float("nan"), 1e300, 10**400, 4_000_000_000, [1]]
)
async def test_a_token_must_say_when_it_was_issued_in_a_way_that_a_sign_out_can_end(
    stranger: Client, settings: Settings, iat: Any
) -> None:
    assert refusal(await ask(stranger, signed(settings, iat=iat))) == (401, "unauthorized")


@pytest.mark.parametrize("exp", [float("inf"), float("nan"), 1e300, 10**400, "4000000000", True])
async def test_a_token_that_never_ends_is_refused(
    stranger: Client, settings: Settings, exp: Any
) -> None:
    assert refusal(await ask(stranger, signed(settings, exp=exp))) == (401, "unauthorized")


class _Keys(jwt.PyJWKClient):
    """The keys of a provider, without the network between."""

    def __init__(self, keys: list[dict[str, Any]]) -> None:
        super().__init__("https://keys.test/jwks")
        self._set = {"keys": keys}

    def fetch_data(self) -> Any:
        return self._set


@pytest.fixture
def provider_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _verifier(key: rsa.RSAPrivateKey) -> JwksVerifier:
    public: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    secret = base64.urlsafe_b64encode(b"x" * 32).rstrip(b"=").decode()
    keys = [
        public | {"kid": "good", "use": "sig"},
        {"kty": "oct", "kid": "oct", "k": secret, "use": "sig"},
    ]
    return JwksVerifier(_Keys(keys), audience="sixfold", issuer="sixfold")


async def test_a_short_key_of_the_provider_is_never_used() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 (it is refused)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        token = jwt.encode(GOOD, short, algorithm="RS256", headers={"kid": "good"})
        with pytest.raises(Unauthorized):
            await _verifier(short).verify(token)


@pytest.mark.parametrize(("bits", "is_refused"), [(1024, True), (2048, False)])
def test_a_start_with_a_short_key_of_the_provider_is_refused_by_its_name(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, bits: int, is_refused: bool
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    public: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    found = {"keys": [public | {"kid": "of-1999", "use": "sig"}]}
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _: found)
    outside = {"auth_secret": None, "auth_jwks_url": "https://keys.test/jwks"}
    refused = pytest.raises(SettingsError, match=r"JWKS_URL: its key 'of-1999'.*2048 bits")
    with refused if is_refused else nullcontext():
        check_keys(settings.model_copy(update=outside))


def test_a_provider_that_is_away_is_no_reason_not_to_start(settings: Settings) -> None:
    outside = {"auth_secret": None, "auth_jwks_url": "https://127.0.0.1:1/jwks"}
    check_keys(settings.model_copy(update=outside))


async def test_a_token_of_the_provider_is_accepted(provider_key: rsa.RSAPrivateKey) -> None:
    token = jwt.encode(GOOD, provider_key, algorithm="RS256", headers={"kid": "good"})
    assert (await _verifier(provider_key).verify(token)).user_id == "alice"


async def test_the_public_key_is_no_secret_to_sign_with(provider_key: rsa.RSAPrivateKey) -> None:
    pem = provider_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"good"}').rstrip(b"=").decode()
    body = base64.urlsafe_b64encode(json.dumps(GOOD).encode()).rstrip(b"=").decode()
    mac = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{head}.{body}".encode(), pem
    )
    token = f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(Unauthorized):
        await _verifier(provider_key).verify(token)


async def test_a_symmetric_key_of_the_provider_is_never_used(
    provider_key: rsa.RSAPrivateKey,
) -> None:
    token = jwt.encode(GOOD, "x" * 32, algorithm="HS256", headers={"kid": "oct"})
    with pytest.raises(Unauthorized):
        await _verifier(provider_key).verify(token)


async def test_keys_that_a_token_brings_along_are_ignored(
    provider_key: rsa.RSAPrivateKey,
) -> None:
    thief = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    headers = {"kid": "good", "jku": "https://thief.test/jwks", "x5u": "https://thief.test/x"}
    token = jwt.encode(GOOD | {"exp": int(time.time()) + 60}, thief, "RS256", headers=headers)
    with pytest.raises(Unauthorized):
        await _verifier(provider_key).verify(token)
