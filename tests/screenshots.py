"""Writes pictures of every view of the console into docs/images.

    python -m tests.screenshots [view …]

It runs an instance of its own, uploads the sample chat and unlocks a category. Needs Chromium.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from app.local.embedded.data_dir import free_port
from app.settings import load_settings
from app.users.auth import issue_token
from tests.support.browser import Page, chromium
from tests.support.console import VIEWS, prepare, sign_in
from tests.support.processes import until_ready

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZES = {"wide": (1280, 900), "narrow": (390, 844)}
THEMES = {"light": False, "dark": True}
HEIGHT_MAX = 2_400


async def write_pictures(views: list[str]) -> None:
    """Each view at both widths and in both themes."""
    FOLDER.mkdir(exist_ok=True)
    with instance() as address, chromium() as browser, browser.page(address) as page:
        async with httpx2.AsyncClient(base_url=address) as http:
            await until_ready(http)
        page.look()
        page.goto(address)
        sign_in(page, issue_token(load_settings(), "maya", (), 600))
        await prepare(page)
        for name, show in VIEWS.items():
            page.show_at(*SIZES["wide"])
            await show(page)
            if not views or name in views:
                await _write(page, name)


async def _write(page: Page, name: str) -> None:
    for size, (width, height) in SIZES.items():
        page.show_at(width, height)
        for theme, dark in THEMES.items():
            page.look(dark=dark)
            await asyncio.sleep(0.5)  # Charts are drawn anew, and fonts settle.
            picture = page.picture(height_max=HEIGHT_MAX)
            (FOLDER / f"{name}-{size}-{theme}.png").write_bytes(picture)


@contextmanager
def instance() -> Generator[str]:
    """The address of a new instance."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="sixfold-screenshots-") as folder:
        Path(folder).chmod(0o755)
        os.environ["SIXFOLD_DATA_DIR"] = f"{folder}/instance"
        argv = ("-m", "app.cli", "up", "--port", str(port), "--data-dir", f"{folder}/instance")
        running = subprocess.Popen((sys.executable, *argv))
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait()


if __name__ == "__main__":
    asyncio.run(write_pictures(sys.argv[1:]))
