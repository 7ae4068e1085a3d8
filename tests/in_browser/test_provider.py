"""Signing in by an identity provider that others have written, as a person does it."""

from collections.abc import Iterator

import httpx2
import pytest

from app.local.embedded.data_dir import free_port
from app.settings import Settings
from tests.support.browser import Browser, Page
from tests.support.environment import API_ROLE, as_role
from tests.support.processes import DEADLINE_S, Processes, until_ready
from tests.support.waiting import until


@pytest.fixture
def issuer() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
async def origin(processes: Processes, settings: Settings, issuer: str) -> str:
    """Of an API where people sign in by the issuer."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    processes.start(
        *("-m", "app.cli", "serve", "--port", str(port)),
        SIXFOLD_DATABASE_URL=as_role(settings.database_url, API_ROLE),
        SIXFOLD_OIDC_ISSUER=issuer,
        SIXFOLD_OIDC_CLIENT_ID="sixfold",
        SIXFOLD_OIDC_CLIENT_SECRET="kept",
        SIXFOLD_OIDC_NAME="Example",
        SIXFOLD_PUBLIC_URL=address,
    )
    async with httpx2.AsyncClient(base_url=address, timeout=DEADLINE_S) as http:
        await until_ready(http)
    return address


@pytest.fixture
async def provider(processes: Processes, issuer: str) -> None:
    port = issuer.rpartition(":")[2]
    processes.start("-m", "oidc_provider_mock", "--port", port, "--user", "ann")
    async with httpx2.AsyncClient() as http:

        async def answers() -> bool:
            try:
                return (await http.get(issuer)).is_success
            except httpx2.TransportError:
                return False

        await until(answers)


@pytest.fixture
def visitor(browser: Browser, origin: str) -> Iterator[Page]:
    """A visitor of the statement who is not signed in."""
    with browser.page(f"{origin}/credits") as page:
        yield page


async def test_a_person_goes_to_the_provider_and_comes_back_to_where_they_were(
    visitor: Page, provider: None, issuer: str, origin: str
) -> None:
    await visitor.shows("#provider-link", "Sign in with Example")
    await visitor.follow("#provider-link")
    assert visitor.evaluate("location.origin") == issuer
    await visitor.follow("button", "ann")
    user = f"oidc|{issuer}|ann"
    await visitor.shows("h1", f"Sign in as {user}?")
    assert visitor.evaluate("location.href") == f"{origin}/sign-in"
    assert visitor.evaluate("localStorage.length") == 0
    assert visitor.evaluate("document.cookie") == ""
    await visitor.click("#confirm-sign-in", f"Sign in as {user}")
    await visitor.shows(".who", user)
    assert visitor.evaluate("location.pathname") == "/credits"


async def test_a_declined_sign_in_is_said_and_may_be_begun_again(
    visitor: Page, provider: None, issuer: str
) -> None:
    await visitor.follow("#provider-link")
    await visitor.follow("button", "Deny")
    # This provider leaves `state` out of a refusal, so it counts as a stranger's.
    await visitor.shows(".failure", "Please begin again.")
    await visitor.follow("#provider-link")
    assert visitor.evaluate("location.origin") == issuer


async def test_a_provider_that_is_away_is_said_in_words(visitor: Page, origin: str) -> None:
    await visitor.follow("#provider-link")
    await visitor.shows(".failure", "cannot be reached just now")
    assert visitor.evaluate("location.href") == f"{origin}/sign-in"
    visitor.goto(f"{origin}/sign-in?refused=%3Cimg%20src%3Dx%3E")
    await visitor.shows(".failure", "That did not work.")
