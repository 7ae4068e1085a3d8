"""Whether a finding is right: said by a press, taken back by another."""

from tests.in_browser.conftest import Upload
from tests.support.browser import Page
from tests.support.console import stub
from tests.support.processes import SAMPLE

PRESSED = """
[...document.querySelectorAll(".feedback [aria-pressed=true]")].map((one) => one.dataset.verdict)
"""
SIZES = """
[...document.querySelectorAll('.feedback button')].map((one) => one.getBoundingClientRect())
  .flatMap((box) => [box.width, box.height])
"""


async def read(page: Page, upload: Upload) -> str:
    """Unlocks friendship; the job, when its first insight is shown."""
    await upload(SAMPLE.name, SAMPLE.read_bytes())
    await page.click("article.category .unlock", "Unlock for 50 coins")
    await page.shows(".insight h2")
    return page.evaluate("document.querySelector('.job').dataset.job")


async def test_a_finding_is_judged_by_mouse_and_keyboard_and_keeps_its_verdict(
    page, upload, working
):
    await read(page, upload)
    assert page.evaluate(PRESSED) == []
    assert min(page.evaluate(SIZES)) >= 44
    await page.click(".feedback button", "Wrong")
    await page.shows(".feedback [role=status]", "Thank you.")
    assert page.evaluate(PRESSED) == ["wrong"]
    page.reload()
    await page.shows(".feedback [aria-pressed=true]", "Wrong")
    page.evaluate("document.querySelector('.feedback [data-verdict=right]').focus()")
    page.press("Enter")
    await page.shows(".feedback [aria-pressed=true]", "Right")
    assert page.evaluate(PRESSED) == ["right"]
    assert page.evaluate("document.activeElement.dataset.verdict") == "right"
    page.press(" ")
    await page.shows(".feedback [role=status]", "Taken back.")
    assert page.evaluate(PRESSED) == []
    page.goto(page.evaluate("location.origin") + "/sample/friendship")
    await page.shows(".insight h2")
    assert page.texts(".feedback") == []  # A visitor without an account has no job to judge.


async def test_a_refusal_is_said_beside_the_button_that_was_pressed(page, upload, working):
    job = await read(page, upload)
    for code, words in (("not_ratable", "cannot be judged"), ("unavailable", "busy just now")):
        stub(page, f"/api/insights/jobs/{job}/feedback", 409, {"code": code})
        page.reload()
        await page.click(".feedback button", "Unkind")
        await page.shows(".feedback .failure", words)
        assert page.evaluate(PRESSED) == []
