"""The console in Chromium, on real processes."""

from collections.abc import Awaitable, Callable, Generator
from pathlib import Path

import httpx2
import pytest

from app.settings import Settings
from app.users.auth import issue_token
from tests.support.browser import Browser, Page, chromium
from tests.support.console import sign_in
from tests.support.processes import Processes, worker

Upload = Callable[[str, bytes], Awaitable[None]]


@pytest.fixture(scope="session")
def browser() -> Generator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def token(settings: Settings) -> str:
    """Alice's."""
    return issue_token(settings, "alice", [], ttl_s=600)


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
