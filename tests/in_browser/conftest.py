"""The console in Chromium, on real processes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
from redis.asyncio import Redis

from app.settings import Settings
from app.users.auth import issue_token
from tests.support.browser import Browser, Page, chromium
from tests.support.console import sign_in
from tests.support.environment import (
    create_database,
    drop_database,
    environment_of,
    settings_of,
)
from tests.support.processes import DEADLINE_S, Processes, ended, until_ready, worker

Upload = Callable[[str, bytes], Awaitable[None]]


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def database_url() -> Generator[str]:
    """A migrated database for the tests of a file: each has a user of its own."""
    url = asyncio.run(create_database())
    yield url
    asyncio.run(drop_database(url))


@pytest.fixture(scope="module")
def settings(database_url: str, redis_url: str) -> Settings:
    return settings_of(database_url, redis_url)


@pytest.fixture(scope="module")
def environment(settings: Settings) -> dict[str, str]:
    return environment_of(settings)


@pytest.fixture(scope="module")
def address(
    environment: dict[str, str], settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Generator[str]:
    """Of a real API process for the tests of a file, ready."""
    log = tmp_path_factory.mktemp("api") / "processes.log"
    with ended(Processes(environment, log)) as processes:
        address = processes.serve(settings)
        asyncio.run(_until_ready(address))
        yield address


async def _until_ready(address: str) -> None:
    async with httpx2.AsyncClient(base_url=address, timeout=DEADLINE_S) as http:
        await until_ready(http)


@pytest.fixture
async def api(address: str, redis: Redis) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the API; no wake-up of an earlier test is left."""
    async with httpx2.AsyncClient(base_url=address, timeout=DEADLINE_S) as http:
        yield http


@pytest.fixture
def alice() -> str:
    """This test's user."""
    return f"alice-{uuid4().hex[:8]}"


@pytest.fixture
def token(settings: Settings, alice: str) -> str:
    return issue_token(settings, alice, [], ttl_s=600)


@pytest.fixture
def blank(browser: Browser, api: httpx2.AsyncClient) -> Generator[Page]:
    """The console before anybody signs in. Nothing that happens there may break its policy."""
    with browser.page(f"{api.base_url}/") as page:
        page.look()
        yield page
        assert page.complaints() == []


@pytest.fixture
def page(blank: Page, token: str) -> Page:
    """The console, signed in as Alice."""
    sign_in(blank, token)
    return blank


@pytest.fixture
def upload(page: Page, tmp_path: Path) -> Upload:
    """Chooses a file in the form for new chats; that sends it."""

    async def upload(name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)
        await page.shows("#file-name", "Choose or drop an exported chat")
        page.choose_file("#file", tmp_path / name)

    return upload


@pytest.fixture
def working(processes: Processes) -> None:
    """A worker that writes insights offline."""
    processes.start(*worker())
