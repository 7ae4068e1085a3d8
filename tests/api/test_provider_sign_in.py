"""Signing in by an identity provider: there, back, and whatever can go wrong on the way."""

import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import text

from app.db import transaction
from app.local.embedded.data_dir import free_port
from app.main import create_app
from app.settings import Settings
from app.users import oidc_provider
from app.users.oidc import Attempts, SignInNoUser, Terms, own_path, user_id_of
from app.users.oidc_provider import HttpProvider
from app.users.sign_in import new_code
from tests.support.api import Client, refusal
from tests.support.processes import Processes
from tests.support.rights import as_worker, by_worker
from tests.support.scripted_provider import ALGORITHM, ScriptedProvider, client_of, jwk_of, rsa_key
from tests.support.waiting import until

CLIENT_ID = "sixfold tests"
CALLBACK = "/sign-in/oidc/callback"
MakeBrowser = Callable[[], Client]


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with ScriptedProvider() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, provider: ScriptedProvider) -> Settings:
    return settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_name": "Ours & <theirs>",
            "public_url": "http://localhost:8000",
        }
    )


@pytest.fixture
def asks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed, or is not known, is asked for again at once."""
    monkeypatch.setattr(oidc_provider, "AGAIN_S", 0.0)


@pytest.fixture
async def make_browser(app: FastAPI) -> AsyncIterator[MakeBrowser]:
    """Browsers, each with cookies of its own."""
    made: list[Client] = []

    def make() -> Client:
        transport = httpx2.ASGITransport(app=app)
        made.append(httpx2.AsyncClient(transport=transport, base_url="http://sixfold.test"))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


@asynccontextmanager
async def opened(app: FastAPI, url: str = "http://x") -> AsyncIterator[Client]:
    """A browser before an API of other settings."""
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=url) as client,
    ):
        yield client


async def begin(browser: Client, **params: str) -> str:
    """The address at the provider that the browser is sent to."""
    reply = await browser.get("/sign-in/oidc", params=params)
    assert reply.status_code == 303, reply.text
    assert reply.headers["cache-control"] == "no-store"
    return reply.headers["location"]


async def sign_in(browser: Client, provider: ScriptedProvider, **params: str) -> httpx2.Response:
    """The answer to the way back, after all went well at the provider."""
    return await browser.get(provider.consent(await begin(browser, **params)))


def told(reply: httpx2.Response) -> dict[str, str]:
    """What the page that signs in is told."""
    assert reply.status_code == 303, reply.text
    to = urlsplit(reply.headers["location"])
    assert (to.scheme, to.netloc, to.path) == ("", "", "/sign-in")
    return {name: values[0] for name, values in parse_qs(to.query).items()}


def refused(reply: httpx2.Response) -> str:
    """The code that the page has a sentence for. The attempt is over then."""
    assert 'sixfold-sign-in=""' in reply.headers["set-cookie"]
    found = told(reply)
    assert list(found) == ["refused"]
    return found["refused"]


async def named(browser: Client, code: str) -> str:
    """Whom the page asks whether to sign in as."""
    return (await browser.post("/api/sign-in/preview", json={"code": code})).json()["user_id"]


async def test_the_way_there_and_back_ends_in_a_code_that_signs_in_once(
    stranger: Client, provider: ScriptedProvider
) -> None:
    reply = await sign_in(stranger, provider)
    found = told(reply)
    assert list(found) == ["code"]
    user = f"oidc|{provider.issuer}|248289"
    assert await named(stranger, found["code"]) == user
    assert not stranger.cookies
    entered = await stranger.post("/api/sign-in", json=found)
    headers = {"authorization": f"Bearer {entered.json()['token']}"}
    assert (await stranger.get("/api/me", headers=headers)).json()["user_id"] == user
    again = await stranger.post("/api/sign-in", json=found)
    assert refusal(again) == (404, "sign_in_code_invalid")


async def test_the_provider_is_asked_for_a_code_and_told_the_hash_of_a_verifier(
    stranger: Client, provider: ScriptedProvider, make_browser: MakeBrowser
) -> None:
    address = await begin(stranger)
    assert address.startswith(f"{provider.issuer}/authorize?")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert (asked["client_id"], asked["scope"]) == (CLIENT_ID, "openid")
    assert asked["redirect_uri"] == f"http://localhost:8000{CALLBACK}"
    other = parse_qs(urlsplit(await begin(make_browser())).query)
    secrets = {asked["state"], asked["nonce"], asked["code_challenge"]}
    assert len(secrets) == 3
    assert all(len(one) == 43 for one in secrets)
    assert secrets.isdisjoint(value for values in other.values() for value in values)
    assert not any(one in str(stranger.cookies) for one in secrets)


@pytest.mark.parametrize("is_encrypted", [False, True])
async def test_the_attempt_is_kept_in_a_cookie_that_no_script_reads_and_that_ends_soon(
    settings: Settings, redis: Redis, is_encrypted: bool
) -> None:
    url = "https://chats.example" if is_encrypted else "http://localhost"
    other = create_app(settings.model_copy(update={"public_url": url}))
    async with opened(other, url) as client:
        reply = await client.get("/sign-in/oidc")
        name, *attributes = re.split("; |=", reply.headers["set-cookie"])
        assert name == ("__Host-" if is_encrypted else "") + "sixfold-sign-in"
        assert {"HttpOnly", "lax", "600", "/"} < set(attributes)
        assert ("Secure" in attributes) is is_encrypted
        assert "Domain" not in attributes


async def test_a_way_back_that_was_not_begun_in_this_browser_signs_nobody_in(
    provider: ScriptedProvider, make_browser: MakeBrowser
) -> None:
    """Else a link signs its reader in as who sent it (login CSRF)."""
    mallory, victim = make_browser(), make_browser()
    trap = provider.consent(await begin(mallory))
    assert refused(await victim.get(trap)) == "sign_in_state_lost"
    await begin(victim)  # Her own attempt does not fit it either.
    assert refused(await victim.get(trap)) == "sign_in_state_lost"
    assert provider.asked("/token") == []


async def test_a_cookie_that_was_not_made_here_is_none(
    stranger: Client, provider: ScriptedProvider
) -> None:
    way_back = provider.consent(await begin(stranger))
    stranger.cookies.clear()
    for cookie in ("", "x", "a.b.c", "é", "x" * 4_000):
        headers = {"cookie": f"sixfold-sign-in={cookie}".encode()}
        assert refused(await stranger.get(way_back, headers=headers)) == "sign_in_state_lost"


async def test_a_way_back_works_once(
    stranger: Client, provider: ScriptedProvider, make_browser: MakeBrowser
) -> None:
    way_back = provider.consent(await begin(stranger))
    kept = dict(stranger.cookies)
    assert "code" in told(await stranger.get(way_back))
    assert refused(await stranger.get(way_back)) == "sign_in_state_lost"
    for name, value in kept.items():  # A browser that has kept the cookie all the same.
        stranger.cookies.set(name, value)
    assert refused(await stranger.get(way_back)) == "sign_in_rejected"


async def test_the_cookie_of_an_attempt_is_no_token_and_a_token_no_cookie(
    alice: Client, stranger: Client, provider: ScriptedProvider
) -> None:
    way_back = provider.consent(await begin(stranger))
    [cookie] = stranger.cookies.values()
    headers = {"authorization": f"Bearer {cookie}"}
    assert refusal(await stranger.get("/api/me", headers=headers)) == (401, "unauthorized")
    token = alice.headers["authorization"].removeprefix("Bearer ")
    stranger.cookies.clear()
    stranger.cookies.set("sixfold-sign-in", token)
    assert refused(await stranger.get(way_back)) == "sign_in_state_lost"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another nonce": ({"claims": {"nonce": "other"}}, "sign_in_untrusted"),
    "no nonce": ({"claims": {"nonce": None}}, "sign_in_untrusted"),
    "a nonce that is no text": ({"claims": {"nonce": ["x"]}}, "sign_in_untrusted"),
    "another audience": ({"claims": {"aud": "other"}}, "sign_in_untrusted"),
    "no audience": ({"claims": {"aud": None}}, "sign_in_untrusted"),
    "for several, and not to us": (
        {"claims": {"aud": [CLIENT_ID, "other"]}},
        "sign_in_untrusted",
    ),
    "issued to another": (
        {"claims": {"aud": [CLIENT_ID, "other"], "azp": "other"}},
        "sign_in_untrusted",
    ),
    "not signed": ({"algorithm": "none"}, "sign_in_untrusted"),
    "signed with what is public": (
        {"algorithm": "HS256", "signs_with": "the client's id, or its key, as a shared secret"},
        "sign_in_untrusted",
    ),
    "an algorithm that is not allowed": ({"algorithm": "RS512"}, "sign_in_untrusted"),
    "a stranger's key": ({"signs_with": rsa_key("stranger")}, "sign_in_untrusted"),
    "a key that is not published": ({"header": {"kid": "two"}}, "sign_in_untrusted"),
    "a key that is too short": (
        {
            "signs_with": rsa_key("weak", bits=1024),
            "keys": [jwk_of(rsa_key("weak", bits=1024), "weak")],
            "header": {"kid": "weak"},
        },
        "sign_in_untrusted",
    ),
    "a key that is not for signatures": (
        {"keys": [jwk_of(rsa_key(), "enc", use="enc")], "header": {"kid": "enc"}},
        "sign_in_untrusted",
    ),
    "another issuer": ({"claims": {"iss": "https://other.example"}}, "sign_in_wrong_issuer"),
    "over": ({"claims": {"exp": 1_000}}, "sign_in_clock"),
    "of tomorrow": ({"claims": {"iat": 9_999_999_999}}, "sign_in_clock"),
    "without an end": ({"claims": {"exp": None}}, "sign_in_untrusted"),
    "an end that is no time": ({"claims": {"exp": "soon"}}, "sign_in_untrusted"),
    "no subject": ({"claims": {"sub": None}}, "sign_in_untrusted"),
    "a name that is no user": ({"claims": {"sub": "a\x07b"}}, "sign_in_no_user"),
    "a name that is blank": ({"claims": {"sub": " "}}, "sign_in_no_user"),
    "a name that is too long": ({"claims": {"sub": "x" * 250}}, "sign_in_no_user"),
}


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_an_id_token_that_is_not_right_signs_nobody_in(
    stranger: Client, provider: ScriptedProvider, asks_anew: None
) -> None:
    good = {name: getattr(provider, name) for name in ("claims", "header", "signs_with", "keys")}
    for name, (script, code) in BAD.items():
        for attribute, value in (good | {"algorithm": ALGORITHM} | script).items():
            setattr(provider, attribute, value)
        assert refused(await sign_in(stranger, provider)) == code, name
    async with by_worker(transaction(step=None)) as connection:
        made = await connection.execute(text("SELECT count(*) FROM sign_in_codes"))
        assert made.scalar_one() == 0


async def test_a_token_may_name_several_recipients_and_no_key(
    stranger: Client, provider: ScriptedProvider
) -> None:
    provider.header, provider.keys = {}, [jwk_of(rsa_key(), None)]
    for claims in ({"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "b"], "azp": CLIENT_ID}):
        provider.claims = claims
        assert "code" in told(await sign_in(stranger, provider))


async def test_a_new_key_of_the_provider_is_found(
    stranger: Client, provider: ScriptedProvider, asks_anew: None
) -> None:
    assert "code" in told(await sign_in(stranger, provider))
    provider.keys = [jwk_of(rsa_key("two"), "two")]
    provider.signs_with, provider.header = rsa_key("two"), {"kid": "two"}
    assert "code" in told(await sign_in(stranger, provider))
    assert len(provider.asked("/jwks")) == 2


SAID = {
    "error=access_denied": "sign_in_denied",
    "error=login_required": "sign_in_denied",
    "error=temporarily_unavailable": "sign_in_provider_away",
    "error=invalid_scope&error_description=%3Cb%3E": "sign_in_rejected",
    "": "sign_in_rejected",
    f"code={'x' * 3_000}": "sign_in_rejected",
    "code=unknown": "sign_in_rejected",
    "code=unknown&code=other": "sign_in_state_lost",
    "code=unknown&iss=https://other.example": "sign_in_wrong_issuer",
}


async def test_what_the_provider_says_on_the_way_back_is_told(
    stranger: Client, provider: ScriptedProvider
) -> None:
    for given, code in SAID.items():
        state = parse_qs(urlsplit(await begin(stranger)).query)["state"][0]
        reply = await stranger.get(f"{CALLBACK}?state={state}&{given}")
        assert refused(reply) == code, given
        assert "%3C" not in reply.headers["location"]


async def test_a_provider_that_names_itself_must_do_so(
    stranger: Client, provider: ScriptedProvider
) -> None:
    """Else the answer of one provider passes for another's (RFC 9207)."""
    provider.described = {"authorization_response_iss_parameter_supported": True}
    way_back = provider.consent(await begin(stranger))
    cookies = dict(stranger.cookies)
    assert refused(await stranger.get(way_back)) == "sign_in_wrong_issuer"
    for name, value in cookies.items():
        stranger.cookies.set(name, value)
    assert "code" in told(await stranger.get(f"{way_back}&iss={provider.issuer}"))


DISCOVERY = oidc_provider.DISCOVERY
ODD = [
    (500, b"{}"),
    (302, b"{}"),
    (200, b"no json"),
    (200, b"[]"),
    (200, b"{" + b" " * oidc_provider.ANSWER_BYTES_MAX + b"}"),
]


async def outcome(browser: Client, provider: ScriptedProvider) -> str:
    """Why it goes wrong, there or on the way back."""
    reply = await browser.get("/sign-in/oidc")
    if reply.headers["location"].startswith(provider.issuer):
        reply = await browser.get(provider.consent(reply.headers["location"]))
    return refused(reply)


@pytest.mark.parametrize("path", [DISCOVERY, "/token", "/jwks"])
async def test_a_provider_that_answers_oddly_is_away(
    stranger: Client, provider: ScriptedProvider, asks_anew: None, path: str
) -> None:
    for odd in ODD:
        provider.answers[path] = odd
        # What names no issuer does not name the right one.
        codes = {"sign_in_provider_away"} | (
            {"sign_in_wrong_issuer"} if path == DISCOVERY else set()
        )
        assert await outcome(stranger, provider) in codes, odd[1][:8]
    del provider.answers[path]
    assert "code" in told(await sign_in(stranger, provider))


WRONGLY: tuple[tuple[dict[str, Any], str], ...] = (
    ({"issuer": "https://other.example"}, "sign_in_wrong_issuer"),
    ({"token_endpoint": None}, "sign_in_provider_away"),
    ({"jwks_uri": "file:///etc/passwd"}, "sign_in_provider_away"),
    ({"authorization_endpoint": "javascript:alert(1)"}, "sign_in_provider_away"),
)


async def test_a_provider_that_describes_itself_wrongly_is_not_gone_to(
    stranger: Client, provider: ScriptedProvider, asks_anew: None
) -> None:
    for described, code in WRONGLY:
        provider.described = described
        assert refused(await stranger.get("/sign-in/oidc")) == code, described


async def test_a_provider_that_failed_is_not_asked_again_at_once(
    stranger: Client, provider: ScriptedProvider
) -> None:
    provider.described = {"issuer": "https://other.example"}
    for _ in range(3):
        assert refused(await stranger.get("/sign-in/oidc")) == "sign_in_wrong_issuer"
    assert len(provider.asked(DISCOVERY)) == 1


async def test_a_provider_that_says_nothing_is_waited_for_only_so_long(
    stranger: Client,
    provider: ScriptedProvider,
    asks_anew: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oidc_provider, "CALL_S", 0.2)
    for path in (DISCOVERY, "/token", "/jwks"):
        provider.silent = {path}
        assert await outcome(stranger, provider) == "sign_in_provider_away", path


async def test_a_provider_that_is_gone_is_said(
    stranger: Client, provider: ScriptedProvider
) -> None:
    provider.stop()
    assert refused(await stranger.get("/sign-in/oidc")) == "sign_in_provider_away"


async def test_too_many_who_try_are_told_on_the_page(settings: Settings, redis: Redis) -> None:
    other = create_app(settings.model_copy(update={"requests_per_minute": 1}))
    async with opened(other) as client:
        await begin(client)
        assert refused(await client.get("/sign-in/oidc")) == "rate_limited"
        assert refused(await client.get(CALLBACK)) == "rate_limited"


@pytest.mark.parametrize("secret", [None, "of:the client"])
@pytest.mark.parametrize("methods", [None, ["client_secret_post"]])
async def test_the_client_says_who_it_is_as_the_provider_wants(
    provider: ScriptedProvider, secret: str | None, methods: list[str] | None
) -> None:
    if methods is not None:
        provider.described = {"token_endpoint_auth_methods_supported": methods}
    here = "http://localhost/sign-in/oidc/callback"
    asking = HttpProvider(Terms(provider.issuer, CLIENT_ID, secret, "sub", here))
    attempt, _ = Attempts("x" * 32).begin("/")
    query = urlsplit(provider.consent(await asking.authorization_url(attempt))).query
    assert await asking.id_token(parse_qs(query)["code"][0], verifier=attempt.verifier)
    [exchange] = provider.asked("/token")
    assert client_of(exchange.headers, exchange.form) == (CLIENT_ID, secret)
    assert ("authorization" in exchange.headers) is (secret is not None and methods is None)
    await asking.close()


HOSTILE = (
    *("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", ""),
    *("chats", "/\t/evil.example", "/\n", "/x\\y", "/sign-in", "/" + "x" * 600),
)


@pytest.mark.parametrize("given", ["/chats/0190/friendship", "/credits?x=1#y"])
async def test_it_goes_on_where_it_was_begun(
    stranger: Client, provider: ScriptedProvider, given: str
) -> None:
    assert told(await sign_in(stranger, provider, next=given))["next"] == given


async def test_it_goes_on_nowhere_else(stranger: Client, provider: ScriptedProvider) -> None:
    assert {own_path(given) for given in HOSTILE} == {"/"}
    assert list(told(await sign_in(stranger, provider, next=HOSTILE[0]))) == ["code"]


async def test_codes_of_either_origin_are_taken_only_where_they_are_wanted(
    settings: Settings, redis: Redis, provider: ScriptedProvider
) -> None:
    async with opened(create_app(settings)) as client:
        with as_worker():
            local = await new_code("alice")
        for path in ("/api/sign-in/preview", "/api/sign-in"):
            reply = await client.post(path, json={"code": local})
            assert refusal(reply) == (404, "sign_in_code_invalid")
        code = told(await sign_in(client, provider))["code"]
    without = {"oidc_issuer": None, "oidc_client_id": None, "local_sign_in": True}
    async with opened(create_app(settings.model_copy(update=without))) as client:
        assert await named(client, local) == "alice"
        reply = await client.post("/api/sign-in", json={"code": code})
        assert refusal(reply) == (404, "sign_in_code_invalid")
        for path in ("/sign-in/oidc", CALLBACK):
            assert refusal(await client.get(path)) == (404, "not_found")
        assert 'name="sixfold-provider" content=""' in (await client.get("/")).text


async def test_the_page_knows_what_the_provider_is_called(stranger: Client) -> None:
    page = (await stranger.get("/")).text
    [name] = re.findall(r'<meta name="sixfold-provider" content="([^"]*)">', page)
    assert (html.unescape(name), "<theirs>" in page) == ("Ours & <theirs>", False)


def terms(**given: str) -> Terms:
    usual = {
        "issuer": "https://id.example",
        "client_id": "c",
        "redirect_url": "",
        "user_claim": "sub",
    }
    return Terms(client_secret=None, **(usual | given))


def test_a_user_is_named_by_issuer_and_claim_so_that_no_two_are_one() -> None:
    assert user_id_of({"sub": "ann"}, terms()) == "oidc|id.example|ann"
    issuers = [
        "https://id.example",
        "https://id.example/",
        "https://id.example/ann",
        "http://localhost",
    ]
    subjects = ["ann", "/ann", "|ann", "ann|", "Ann", "ann "]
    ids = {
        user_id_of({"sub": subject}, terms(issuer=issuer))
        for issuer in issuers
        for subject in subjects
    }
    assert len(ids) == len(issuers) * len(subjects)
    assert all(one.startswith("oidc|") for one in ids)  # As no id does that is issued here.


@pytest.mark.parametrize("verified", [None, False, "true", 1])
def test_an_address_names_a_user_only_where_the_provider_has_verified_it(verified: object) -> None:
    claims = {"sub": "1", "email": "ann@example.org", "email_verified": verified}
    with pytest.raises(SignInNoUser):
        user_id_of(claims, terms(user_claim="email"))
    claims["email_verified"] = True
    assert user_id_of(claims, terms(user_claim="email")) == "oidc|id.example|ann@example.org"


@pytest.mark.parametrize("value", [None, "", "  ", 7, ["ann"], "x" * 255, "a\x00b", "\ud800"])
def test_what_can_be_no_user_is_none(value: object) -> None:
    with pytest.raises(SignInNoUser):
        user_id_of({"sub": value}, terms())


@pytest.fixture
async def real_provider(processes: Processes) -> str:
    """The issuer of a provider that others have written."""
    port = free_port()
    user = '{"sub": "ann", "email": "ann@example.org", "email_verified": true}'
    processes.start(
        *("-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"),
        *("--user-claims", user),
    )
    issuer = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient() as http:

        async def answers() -> bool:
            try:
                return (await http.get(f"{issuer}{DISCOVERY}")).is_success
            except httpx2.TransportError:
                return False

        await until(answers)
    return issuer


@pytest.mark.parametrize(("claim", "user"), [("sub", "ann"), ("email", "ann@example.org")])
async def test_it_works_with_a_provider_that_others_have_written(
    real_provider: str, settings: Settings, redis: Redis, claim: str, user: str
) -> None:
    named_so = {
        "oidc_issuer": real_provider,
        "oidc_user_claim": claim,
        "oidc_client_secret": SecretStr("kept"),
    }
    other = create_app(settings.model_copy(update=named_so))
    async with opened(other) as browser, httpx2.AsyncClient() as outside:
        for form, expected in (({"action": "deny"}, "refused"), ({"sub": "ann"}, "code")):
            at_provider = await begin(browser)
            assert (await outside.get(at_provider)).status_code == 200
            back = urlsplit((await outside.post(at_provider, data=form)).headers["location"])
            # Of a refusal this provider leaves `state` out.
            found = told(await browser.get(f"{back.path}?{back.query}"))
            assert list(found) == [expected]
        assert await named(browser, found["code"]) == f"oidc|{real_provider}|{user}"
