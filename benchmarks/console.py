"""How soon the console shows something, in Chromium on this machine.

    python -m benchmarks.console

It runs an instance of its own and says, each over some loads: the time to the first paint of a page
that no cache knows, and to that of its view; of a chat of 100,000 messages the time from the
arrival of its statistics to the tiles, and from that of its pictures to the drawn chart. Goals:
0.3 s and 1 s. They are printed, not asserted: a test of the bytes and requests of a first load is
in `tests/in_browser/test_views.py`.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import httpx2

from app.settings import load_settings
from app.users.auth import issue_token
from tests.screenshots import instance
from tests.support.browser import Browser, Page, chromium
from tests.support.console import sign_in
from tests.support.processes import until_ready

LOADS = 9
MESSAGES = 100_000
PAINT_S, CHAT_S = 0.3, 1.0

FIRST_PAINT = """
painted.view ? [performance.getEntriesByName("first-contentful-paint")[0].startTime, painted.view]
  : null
"""
# Two frames after an element is there, it is painted.
WATCH = """
globalThis.painted = {};
const sought = { view: "h1", tiles: ".tile", chart: ".chart[data-drawn]" };
new MutationObserver(() => {
  for (const [name, selector] of Object.entries(sought)) {
    if (painted[name] !== undefined || !document.querySelector(selector)) continue;
    painted[name] = null;
    const note = () => { painted[name] = performance.now(); };
    requestAnimationFrame(() => requestAnimationFrame(note));
  }
}).observe(document, { childList: true, subtree: true, attributes: true });
"""
TOOK = """
(() => {
  const arrived = (path) => performance.getEntriesByType("resource")
    .filter((one) => new URL(one.name).pathname === path).at(-1)?.responseEnd;
  const chat = `/api/chats/${location.pathname.split("/")[2]}`;
  return {
    tiles: painted.tiles - arrived(chat),
    chart: painted.chart - arrived(`${chat}/pictures`),
  };
})()
"""


async def measure() -> None:
    """Prints the figures."""
    with instance() as address, chromium() as browser:
        async with httpx2.AsyncClient(base_url=address) as http:
            await until_ready(http)
        with browser.page(address):
            pass  # The browser itself is warm.
        firsts = [_first_paint(browser, address) for _ in range(LOADS)]
        _say("first paint", [paint for paint, _ in firsts], PAINT_S)
        _say("first view", [view for _, view in firsts], PAINT_S)
        with browser.page(address) as page:
            page.before_loading(WATCH)
            sign_in(page, issue_token(load_settings(), "maya", (), 600))
            took = await _loads_of_a_long_chat(page)
        what = f"of {MESSAGES:,} messages, statistics to"
        _say(f"{what} tiles", [one["tiles"] for one in took], CHAT_S)
        _say(f"{what} chart", [one["chart"] for one in took], CHAT_S)


def _first_paint(browser: Browser, address: str) -> tuple[float, float]:
    """When something was painted, and when the view was."""
    with browser.page("about:blank") as page:
        page.before_loading(WATCH)
        page.goto(address)
        while (took_ms := page.evaluate(FIRST_PAINT)) is None:
            page.evaluate("new Promise(requestAnimationFrame)")
        return took_ms[0], took_ms[1]


async def _loads_of_a_long_chat(page: Page) -> list[dict[str, float]]:
    await page.shows("#file-name")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "WhatsApp Chat with Ana.txt"
        file.write_text(long_chat(), encoding="utf-8")
        page.choose_file("#file", file)
        await page.shows(".chart[data-drawn]")
    found: list[dict[str, float]] = []
    for _ in range(LOADS):
        page.reload()
        await page.shows(".chart[data-drawn]")
        page.evaluate("new Promise((go) => requestAnimationFrame(() => setTimeout(go, 100)))")
        found.append(page.evaluate(TOOK))
    return found


def long_chat(count: int = MESSAGES) -> str:
    """An export of two people over ten years."""
    draw = random.Random(1)
    words = ["some", "words", "garden", "harbour", "tomorrow", "haha", "mountain", "😂"]
    lines: list[str] = []
    for n in range(count):
        day, minute = divmod(n, 27)
        at = f"{1 + day % 28:02}/{1 + day // 28 % 12:02}/{2014 + day // 336}"
        clock = f"{8 + minute // 2:02}:{minute % 2 * 30 + minute:02}"
        text = " ".join(draw.choices(words, k=6))
        lines.append(f"{at}, {clock} - {'Ana' if draw.random() < 0.6 else 'Ben'}: {text}\n")
    return "".join(lines)


def _say(what: str, took_ms: Sequence[float], goal_s: float) -> None:
    middle, most = median(took_ms) / 1000, max(took_ms) / 1000
    print(f"{what}: {middle:.3f} s (at most {most:.3f} s; goal {goal_s} s)")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(measure())
