"""The console in a browser, as its tests use it."""

import json
from collections.abc import Awaitable, Callable

from tests.support.browser import Page
from tests.support.processes import SAMPLE

KEPT = "sixfold.token"


def sign_in(page: Page, token: str) -> None:
    """As if somebody had signed in here before."""
    page.evaluate(f"localStorage.setItem({json.dumps(KEPT)}, {json.dumps(token)})")
    page.reload()


def stub(page: Page, path: str, status: int, answer: object) -> None:
    """Pages that are loaded from now on get this answer from a path, whatever they ask."""
    content = "application/json" if status < 400 else "application/problem+json"
    answers = json.dumps({"status": status, "headers": {"content-type": content}})
    page.before_loading(
        f"""
        {{
          const ask = globalThis.fetch;
          globalThis.fetch = (address, ...rest) => (address === {json.dumps(path)}
            ? Promise.resolve(new Response({json.dumps(json.dumps(answer))}, {answers}))
            : ask(address, ...rest));
        }}
        """
    )


async def prepare(page: Page) -> None:
    """Uploads the sample chat and unlocks a category; a worker must be running."""
    await page.shows("#file-name")
    page.choose_file("#file", SAMPLE)
    await page.click(".unlock", "Unlock for 50 coins")
    await page.shows(".insight h2")


def _at(path: str, selector: str) -> Callable[[Page], Awaitable[None]]:
    async def show(page: Page) -> None:
        if "CHAT" in path:
            await page.click(".chat-list li a")
        chat = page.evaluate("location.pathname.split('/')[2]") or ""
        page.goto(page.evaluate("location.origin") + path.replace("CHAT", chat))
        await page.shows(selector)

    return show


async def _evidence(page: Page) -> None:
    await page.click(".open-evidence")
    await page.shows(".bubble.marked")


async def _landing(page: Page) -> None:
    page.evaluate("localStorage.clear()")
    page.goto(page.evaluate("location.origin"))
    await page.shows("h1", "What your chat says")


async def _sign_in(page: Page) -> None:
    stub(page, "/api/sign-in/preview", 200, {"user_id": "maya", "expires_at": ""})
    page.goto(page.evaluate("location.origin") + "/sign-in?code=once-only")
    await page.shows("#confirm-sign-in")


VIEWS: dict[str, Callable[[Page], Awaitable[None]]] = {
    "reader": _at("/chats/CHAT/friendship", ".insight h2"),
    "evidence": _evidence,
    "chat": _at("/chats/CHAT", ".chart[data-drawn]"),
    "offer": _at("/chats/CHAT/work", ".unlock"),
    "home": _at("/", "#file-name"),
    "credits": _at("/credits", ".statement tbody tr"),
    "account": _at("/account", ".danger-zone"),
    "missing": _at("/chats/none", ".failure"),
    "sample": _at("/sample", ".chart[data-drawn]"),
    "sign-in": _sign_in,
    "landing": _landing,
}
"""How each view comes to be shown, in this order, after `prepare`."""
