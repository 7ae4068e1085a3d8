"""Watching six insights being written: a silent network, cards that turn over, a notification."""

from tests.in_browser.conftest import Upload
from tests.support.browser import Page
from tests.support.console import sign_in
from tests.support.processes import SAMPLE, worker
from tests.support.relay import relayed
from tests.support.waiting import until

SLOW = "tests.acceptance.slow_worker:broker"

IMPATIENT = """
{
  const wait = globalThis.setTimeout;
  globalThis.setTimeout = (run, ms, ...rest) => wait(run, ms > 4000 ? ms / 10 : ms, ...rest);
}
"""
"""A page whose long waits take a tenth of their time."""

ELSEWHERE = """
globalThis.told = [];
globalThis.Notification = class {
  static permission = "default";
  static async requestPermission() { return (Notification.permission = "granted"); }
  constructor(title, { body }) { told.push([title, body, this]); }
  close() { this.closed = true; }
};
Object.defineProperty(document, "visibilityState", { get: () => globalThis.seen ?? "visible" });
"""
"""A page with a system that would show notifications, and a reader who may look elsewhere."""

REFUSING = """
globalThis.Notification = class {
  static permission = "granted";
  constructor() { throw new TypeError("Illegal constructor"); }
};
Object.defineProperty(document, "visibilityState", { get: () => "hidden" });
"""
"""A page as on a phone, which shows notifications of service workers only."""


async def unlock(page: Page, upload: Upload) -> None:
    await upload(SAMPLE.name, SAMPLE.read_bytes())
    await page.click(".unlock", "Unlock for 50 coins")
    await page.shows(".watch")


async def test_a_network_that_falls_silent_is_noticed_and_what_was_asked_goes_on(
    browser, api, token, processes
):
    processes.start(*worker(broker=SLOW))
    with relayed(api.base_url.port) as relay, browser.page("about:blank") as page:
        page.before_loading(IMPATIENT)
        page.goto(f"http://127.0.0.1:{relay.port}/")
        sign_in(page, token)
        await page.shows("#file-name")
        page.choose_file("#file", SAMPLE)
        await page.shows(".unlock", "Unlock for 50 coins")
        relay.hold()
        await page.click(".unlock", "Unlock for 50 coins")
        await page.shows(".category .failure", "cannot be reached")
        relay.release()
        await page.click(".unlock", "Unlock for 50 coins")
        await page.shows(".count", "3 of 6 ready")
        sent = page.sent("POST", "/api/insights/unlock")
        assert len({one["request"]["headers"]["idempotency-key"] for one in sent}) == 1
        relay.hold()
        await page.shows(".reconnecting", "Reconnecting")
        await page.shows(".count", "3 of 6 ready")
        relay.release()
        silent = "document.querySelector('.reconnecting').innerText === ''"
        await until(lambda: page.evaluate(silent))
        await page.click("button", "Cancel")
        await page.shows(".job .state", "Cancelled")


TURNS = """
[...document.querySelectorAll(".six .flip")].map((card) => {
  const [turn] = card.getAnimations().map((one) => one.effect.getComputedTiming());
  return turn ? [turn.delay, turn.duration] : null;
})
"""


async def test_when_charged_the_cards_turn_over_one_by_one_unless_movement_is_unwanted(
    page, upload, processes
):
    page.look(calm=False)
    page.before_loading(REFUSING)
    page.reload()
    await unlock(page, upload)
    processes.start(*worker())
    await page.shows(".insight h2")
    assert page.texts(".unlock") == []  # What was charged is owned at once.
    turns = page.evaluate(TURNS)
    assert [delay for delay, _ in turns] == [0, 180, 360, 540, 720, 900]
    assert all(duration >= 300 for _, duration in turns)
    await until(lambda: page.texts(".coins") == ["0 coins"])
    page.look(calm=True)
    assert page.evaluate(TURNS) == [None] * 6
    page.look(calm=False)
    await page.click(".crumb a")
    await page.click(".category.owned a", "Read")
    await page.shows(".insight h2")
    assert page.evaluate(TURNS) == [None] * 6


async def test_who_looks_elsewhere_is_told_when_it_is_done(page, upload, processes):
    page.before_loading(ELSEWHERE)
    page.reload()
    await unlock(page, upload)
    await page.click("button", "Tell me when it is done")
    await until(lambda: page.texts("button").count("Tell me when it is done") == 0)
    page.evaluate("globalThis.seen = 'hidden'")
    processes.start(*worker())
    await until(lambda: page.evaluate("told.length") == 1)
    assert page.evaluate("told[0].slice(0, 2)") == [
        "Your insights are ready", "Come and read them."
    ]  # fmt: skip
    page.evaluate("globalThis.seen = 'visible'")
    await page.click("a", "Upload a chat")
    page.evaluate("told[0][2].onclick()")
    await page.shows(".insight h2")
    assert page.evaluate("told[0][2].closed")
