"""What is refused is said in words, where it was asked for; nobody becomes somebody else."""

import json

from app.users.auth import issue_token
from tests.support.api import CHAT
from tests.support.console import sign_in, stub

IS_SEEN = """
(() => {
  const said = [...document.querySelectorAll('.failure:not(.empty)')].find((one) => one.innerText);
  const box = said.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return said === top || said.contains(top);
})()
"""


async def test_unlocking_without_coins_is_refused_beside_its_button(page, upload):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    page.show_at(1280, 500)
    page.evaluate("scrollTo(0, 9e9)")
    await page.click(".unlock", "Unlock for 100 coins")
    told = await page.shows(".category .failure", "50 of the 100 coins")
    assert "insufficient" not in told
    page.evaluate("document.querySelector('.category .failure:not(.empty)').scrollIntoView()")
    assert page.evaluate(IS_SEEN)
    assert page.evaluate(
        "document.querySelector('.category .failure:not(.empty)').closest('.category')"
        ".querySelector('.unlock') === document.querySelectorAll('.unlock')[2]"
    )


async def test_a_wrong_key_is_refused_beside_its_field(blank):
    for given in ("wrong", "ключ", "a.b.c"):
        await blank.fill("#token", given)
        await blank.click("#token-button")
        await blank.shows("#sign-in .failure", "not valid")
        blank.reload()
    assert blank.evaluate("localStorage.length") == 0


async def test_a_key_that_has_ended_is_said_and_signs_out(blank, settings):
    sign_in(blank, issue_token(settings, "alice", [], ttl_s=-60))
    await blank.shows(".warning", "Your sign-in is no longer valid")
    await blank.shows("#token-button")


async def test_no_token_is_taken_from_an_address(page, settings):
    await page.shows(".who", "alice")
    mallory = issue_token(settings, "mallory", [], ttl_s=600)
    page.goto(page.evaluate("location.origin") + f"/#token={mallory}")
    page.reload()
    await page.shows(".who", "alice")
    assert mallory not in page.evaluate("location.href")
    assert mallory not in json.dumps(page.evaluate("({...localStorage, ...sessionStorage})"))


async def test_nobody_is_signed_in_by_an_address(blank, token):
    blank.goto(blank.evaluate("location.origin") + f"/credits#token={token}")
    await blank.shows("#token-button")
    assert blank.evaluate("localStorage.length") == 0


async def test_a_code_signs_in_only_after_a_click_that_names_the_user(blank, token, tmp_path):
    expires = "2030-01-01T00:00:00Z"
    told = {"user_id": "alice", "expires_at": expires}
    stub(blank, "/api/sign-in/preview", 200, told)
    stub(blank, "/api/sign-in", 200, told | {"token": token})
    blank.goto(blank.evaluate("location.origin") + "/sign-in?code=once-only")
    await blank.shows("h1", "Sign in as alice?")
    assert blank.evaluate("location.search") == ""
    assert blank.evaluate("localStorage.length") == 0
    await blank.click("#confirm-sign-in", "Sign in as alice")
    await blank.shows(".who", "alice")
    await blank.shows("h1", "Begin with a chat")
    (tmp_path / "WhatsApp Chat with Ana.txt").write_text(CHAT)
    blank.choose_file("#file", tmp_path / "WhatsApp Chat with Ana.txt")
    await blank.shows("#chat-title", "Ana")
    blank.evaluate("localStorage.clear()")
    blank.goto(blank.evaluate("location.origin") + "/sign-in?code=another")
    await blank.click("#confirm-sign-in", "Sign in as alice")
    await blank.shows("#chat-title", "Ana")  # Who has a chat comes to it.


async def test_a_code_that_is_used_up_is_said(blank):
    stub(blank, "/api/sign-in/preview", 404, {"code": "sign_in_code_invalid"})
    blank.goto(blank.evaluate("location.origin") + "/sign-in?code=used")
    await blank.shows(".failure", "not valid any more")
    blank.goto(blank.evaluate("location.origin") + "/sign-in")
    await blank.shows(".failure", "not valid any more")


async def test_somebody_who_is_signed_in_is_told_before_becoming_another(page, alice):
    stub(page, "/api/sign-in/preview", 200, {"user_id": "mallory", "expires_at": ""})
    page.goto(page.evaluate("location.origin") + "/sign-in?code=trap")
    await page.shows(".warning", f"You are signed in as {alice}.")
    await page.click("a", "Not me")
    await page.shows(".who", "alice")


SAID = {
    "unavailable": "busy just now",
    "rate_limited": "too much at once",
    "price_changed": "price has changed",
    "daily_limit": "all for today",
    "provider_unavailable": "Nothing can be written",
    "not_enough_messages": "too little in this chat",
    "internal": "wrong on our side",
    "something_new": "did not work",
}


async def test_every_refusal_of_an_unlock_is_said(page, upload):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    await page.shows("#chat-title")
    for code, words in SAID.items():
        stub(page, "/api/insights/unlock", 400, {"code": code, "detail": "date_order"})
        page.reload()
        await page.click(".unlock")
        assert "date_order" not in await page.shows(".category .failure", words)


async def test_an_unlock_without_a_connection_is_said_and_repeated_with_its_key(page, upload):
    await upload("WhatsApp Chat with Ana.txt", CHAT.encode())
    await page.shows(".unlock")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.call("Network.emulateNetworkConditions", offline=True, **offline)
    await page.click(".unlock")
    await page.shows(".category .failure", "cannot be reached")
    page.call("Network.emulateNetworkConditions", offline=False, **offline)
    await page.click(".unlock")
    await page.shows(".watch")
    keys = {
        one["request"]["headers"]["idempotency-key"]
        for one in page.sent("POST", "/api/insights/unlock")
    }
    assert len(keys) == 1


async def test_signing_out_in_one_tab_signs_out_the_other(browser, page):
    await page.shows(".who", "alice")
    await page.click("summary", "alice")
    await page.click(".menu-items button", "Sign out")
    await page.shows("#token-button")
    assert page.evaluate("localStorage.length") == 0
