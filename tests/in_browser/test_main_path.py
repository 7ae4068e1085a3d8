"""From the first visit to six insights that are read."""

import httpx2

from app.local.embedded.data_dir import free_port
from tests.in_browser.conftest import Upload
from tests.support.api import CHAT
from tests.support.browser import Page
from tests.support.console import sign_in
from tests.support.processes import SAMPLE, until_ready, worker
from tests.support.waiting import until

SLOW = "tests.acceptance.slow_worker:broker"


async def enter(page: Page, token: str) -> None:
    await page.fill("#token", token)
    await page.click("#token-button")


async def unlock_friendship(page: Page, upload: Upload) -> None:
    await upload(SAMPLE.name, SAMPLE.read_bytes())
    await page.shows("#chat-title", "Maya")
    await page.click("article.category .unlock", "Unlock for 50 coins")


async def test_a_first_visit_comes_to_six_insights_and_the_messages_they_rest_on(
    blank, token, tmp_path, working
):
    await blank.shows("h1", "What your chat says")
    await enter(blank, token)
    await blank.shows(".who", "alice")
    await blank.shows("h1", "Begin with a chat")
    blank.choose_file("#file", SAMPLE)
    await blank.shows("#chat-title", "Maya")
    await blank.click(".unlock", "Unlock for 50 coins")
    await blank.shows(".insight h2")
    assert len(blank.texts(".six a")) == 6
    assert blank.evaluate("location.pathname").endswith("/friendship")
    await blank.click(".open-evidence")
    await blank.shows(".bubble.marked")
    await blank.shows(".bubble:not(.marked)")
    await blank.shows(".day", "2024")
    await blank.shows(".settlement", "You paid 50 coins.")
    await blank.shows(".coins", "0 coins")
    await blank.click(".crumb a")
    await blank.shows(".category.owned", "Read")
    assert not [text for text in blank.texts(".category.owned") if "Unlock" in text]


async def test_every_address_is_whole_by_itself(page, upload, working):
    await unlock_friendship(page, upload)
    await page.shows(".insight h2")
    job = page.evaluate("document.querySelector('.job').dataset.job")
    here = page.evaluate("location.href")
    base = page.evaluate("location.origin")
    for address, selector in (
        (here, ".insight h2"),
        (f"{here}#listening", "#listening h2"),
        (here.removesuffix("/friendship"), "#chat-title"),
        (f"{base}/jobs/{job}", ".insight h2"),
        (f"{base}/credits", ".statement tbody tr"),
        (f"{base}/account", ".danger-zone"),
        (f"{base}/sample", ".calendar"),
        (f"{base}/chats/none", ".failure"),
        (f"{here}-none", "h1"),
    ):
        page.goto(address)
        await page.shows(selector)
    page.goto(f"{here}#listening")
    await page.shows(".six [aria-current]", "Listening")


async def test_a_double_click_is_one_order_and_cards_are_patched(page, upload, processes):
    running = processes.start(*worker(broker=SLOW))
    await upload(SAMPLE.name, SAMPLE.read_bytes())
    await page.shows(".unlock", "Unlock for 50 coins")
    page.evaluate(
        "(() => { const one = document.querySelector('.unlock'); one.click(); one.click(); })()"
    )
    await page.shows(".lane.queued, .lane.running, .lane.completed")
    page.evaluate("document.querySelector('.lane').kept = true")
    await page.shows(".count", "3 of 6 ready")
    assert page.evaluate("document.querySelector('.lane').kept")
    assert page.evaluate("document.title").startswith("(3/6)")
    assert len(page.sent("POST", "/api/insights/unlock")) == 1
    assert len(page.texts(".job")) == 1
    await page.shows(".lane.completed .lane-state", "ready in")
    await page.shows(".lane.running .lane-state", "reading")
    await page.click("button", "Cancel")
    await page.shows(".job .state", "Cancelled")
    await until(lambda: page.evaluate("document.activeElement.matches('.job h1')"))
    await page.shows(".settlement", "You paid nothing; 50 coins came back.")
    await page.shows(".coins", "50 coins")
    await page.shows(".unlock", "Unlock for 50 coins")
    processes.kill(running)


async def test_a_job_is_followed_through_the_end_of_the_api_and_in_two_tabs(
    browser, environment, settings, token, processes, tmp_path
):
    port = free_port()
    serving = processes.start("-m", "app.cli", "serve", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient(base_url=address) as http:
        await until_ready(http)
        slow = processes.start(*worker(broker=SLOW))
        with browser.page(address) as page, browser.page(address) as other:
            sign_in(page, token)
            await page.shows("#file-name")
            page.choose_file("#file", SAMPLE)
            await page.click(".unlock", "Unlock for 50 coins")
            await page.shows(".count", "3 of 6 ready")
            sign_in(other, token)
            other.goto(page.evaluate("location.href"))
            await other.shows(".count", "3 of 6 ready")
            processes.kill(serving)
            await page.shows(".reconnecting", "Reconnecting")
            processes.kill(slow)
            processes.start("-m", "app.cli", "serve", "--port", str(port))
            await until_ready(http)
            processes.start(*worker(), SIXFOLD_RESCUE_S="0.5")
            for one in (page, other):
                # Its lease must end first; a page that was asleep looks anew.
                await one.shows(".count, .insight h2")
            await page.click("button", "Cancel")
            await page.shows(".job .state", "Cancelled")
            await other.shows(".job .state", "Cancelled")
            await until(lambda: page.texts(".reconnecting") in ([], [""]))
            assert page.evaluate("document.title").startswith("Friendship")


async def test_the_keyboard_alone_is_enough(page, upload, working):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    await page.shows(".unlock")
    page.evaluate("document.body.focus()")
    page.press("Tab")
    assert page.evaluate("document.activeElement.matches('.skip')")
    page.press("Enter")
    assert page.evaluate("document.activeElement.id") == "view"
    for _ in range(3):
        page.press("Tab")
        if page.evaluate("document.activeElement.matches('.unlock')"):
            break
    page.press("Enter")
    await page.shows(".insight h2, .watch")


async def test_a_deleted_chat_says_first_what_that_means(page, upload):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    await page.click(".danger-zone button", "Delete this chat")
    await page.shows("dialog", "Its key is destroyed")
    assert page.evaluate("document.activeElement.textContent") == "Keep it"
    page.press("Enter")
    await until(lambda: page.evaluate("document.activeElement.textContent") == "Delete this chat")
    await page.click(".danger-zone button", "Delete this chat")
    await page.click("dialog button", "Delete for good")
    await page.shows("h1", "Begin with a chat")
    await page.shows(".chat-list", "None yet.")


async def test_a_newer_export_says_what_it_adds(page, upload, tmp_path):
    lines = CHAT.splitlines(keepends=True)
    await upload("WhatsApp Chat with Ana.txt", "".join(lines[:500]).encode())
    await page.shows(".tile", "500")
    newer = tmp_path / "newer.txt"
    newer.write_text(CHAT)
    page.choose_file(".newer #file", newer)
    await page.shows("#changes", "100 messages were added.")
    await page.shows(".tile", "600")
    page.choose_file(".newer #file", newer)
    await page.shows("#changes", "This export holds nothing new.")


async def test_an_account_is_taken_away_and_deleted(page, upload):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    await page.shows("#chat-title")
    await page.click("summary", "alice")
    await page.click(".menu-items a", "Account")
    await page.click("button", "Download everything")
    await until(lambda: len(page.sent("GET", "/api/me/export")) == 1)
    await page.click("button", "Delete the account")
    await page.shows("dialog", "unused coins are lost")
    await page.click("dialog button", "Delete for good")
    await page.shows("h1", "What your chat says")
    assert page.texts(".failure") == []
