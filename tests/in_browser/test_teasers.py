"""One finding of each locked category is free: true, in words of the page, and sold nowhere."""

import json

import httpx2

from tests.in_browser.conftest import Upload
from tests.in_browser.test_statistics import chat_of
from tests.support.browser import Page
from tests.support.processes import SAMPLE

OF_THE_SAMPLE = {
    "Friendship": "All 369 emoji are by Maya.",
    "Family": "Jonas shared 26 of all 27 links.",
    "Romance": "The longest message of all is by Jonas.",
    "Work": "Nine of ten answers come within 3 min.",
}
LOCKED = {title: text for title, text in OF_THE_SAMPLE.items() if title != "Friendship"}


def teasers(page: Page) -> dict[str, str]:
    """What is told for nothing, by the title of its card."""
    told = page.evaluate(
        "[...document.querySelectorAll('.category')].map((one) =>"
        " [one.querySelector('h3').innerText, one.querySelector('.teaser p')?.innerText])"
    )
    return {title: text for title, text in told if text}


async def test_each_locked_category_tells_one_finding_that_is_sold_nowhere(
    page: Page, upload: Upload, api, token, working
):
    await upload(SAMPLE.name, SAMPLE.read_bytes())
    await page.shows(".category .teaser", "One finding for free")
    assert teasers(page) == OF_THE_SAMPLE
    await page.click(".teaser .open-evidence", "Show the message")
    await page.shows(".teaser .bubble.marked .from", "Jonas")
    await page.click(".unlock", "Unlock for 50 coins")
    await page.shows(".insight h2")
    job = page.evaluate("document.querySelector('.job').dataset.job")
    async with httpx2.AsyncClient(base_url=api.base_url) as http:
        headers = {"Authorization": f"Bearer {token}"}
        told = (await http.get(f"/api/insights/jobs/{job}", headers=headers)).json()
    sold = json.dumps([one["content"] for one in told["insights"]], ensure_ascii=False)
    assert not [text for text in OF_THE_SAMPLE.values() if text.strip(".") in sold]
    await page.click(".crumb a")
    await page.shows(".category.owned")
    assert teasers(page) == LOCKED
    page.goto(page.evaluate("location.origin") + "/sample")
    await page.shows(".teaser")
    assert teasers(page) == LOCKED
    await page.click(".teaser .open-evidence")
    await page.shows(".teaser .bubble.marked")


async def test_what_a_chat_has_none_of_is_not_told(page: Page, upload: Upload):
    await upload("WhatsApp Chat with Ana.txt", chat_of(["Ana", "Ben"], 90, days=28))
    await page.shows(".category .teaser")
    told = teasers(page)
    assert len(set(told.values())) == 4
    assert told["Family"] == "You wrote on every one of 28 days."
    await page.click(".chat-list a", "Upload a chat")
    await upload("WhatsApp Chat with Ben.txt", chat_of(["Ana", "Ben"], 3))
    await page.shows(".category.none")
    assert teasers(page) == {}
