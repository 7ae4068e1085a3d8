"""Every view at every size and in both themes: accessible, within its width, in few bytes."""

from pathlib import Path

from tests.support.browser import Page
from tests.support.console import VIEWS, prepare, sign_in
from tests.support.processes import SAMPLE

AXE = (Path(__file__).parents[1] / "support" / "axe" / "axe.min.js").read_text(encoding="utf-8")
SIZES = ((1280, 900, 1), (1280, 900, 2), (1280, 900, 4), (390, 844, 1))
"""Width and height of the window, and how much its page is enlarged."""
WIDTHS = (1280, 390)
FIRST_LOAD_BYTES_MAX = 60_000
FIRST_LOAD_REQUESTS_MAX = 32

RUN = """
axe.run(document, { resultTypes: ["violations"] }).then((told) => told.violations.map((one) =>
  `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`))
"""

FITS = """
[
  document.documentElement.scrollWidth > innerWidth ? "scrolls sideways" : "",
  document.querySelector(".top").getBoundingClientRect().height > Math.max(innerHeight / 4, 48)
    ? "a quarter is header" : "",
].filter(Boolean)
"""


async def test_no_view_has_a_barrier_at_any_size_in_any_theme(page: Page, working):
    await prepare(page)
    found = []
    for name, show in VIEWS.items():
        page.show_at(*SIZES[0][:2])
        await show(page)
        page.evaluate(AXE)
        for width, height, zoom in SIZES:
            page.show_at(width, height, zoom=zoom)
            for dark in (False, True):
                page.look(dark=dark)
                found += [(name, width, zoom, dark, barrier) for barrier in page.evaluate(RUN)]
            found += [(name, width, zoom, fault) for fault in page.evaluate(FITS)]
    assert found == []


async def test_at_400_percent_the_header_leaves_room(page: Page):
    page.show_at(1280, 900, zoom=4)
    await page.shows(".steps")
    height = page.evaluate("document.querySelector('.top').getBoundingClientRect().height")
    assert height <= page.evaluate("innerHeight / 4")
    page.evaluate("scrollTo(0, 400)")
    assert page.evaluate("document.querySelector('.top').getBoundingClientRect().bottom") <= 0


async def test_the_first_load_is_small_and_comes_from_here(blank: Page):
    await blank.shows("h1")
    loaded = blank.loaded_bytes()
    base = blank.evaluate("location.origin")
    assert all(address.startswith(f"{base}/") for address, _ in loaded)
    assert sum(size for _, size in loaded) <= FIRST_LOAD_BYTES_MAX
    assert len(loaded) <= FIRST_LOAD_REQUESTS_MAX


async def test_buttons_can_be_hit_with_a_finger(page: Page, working):
    await prepare(page)
    await VIEWS["reader"](page)
    page.show_at(390, 844)
    small = page.evaluate(
        "[...document.querySelectorAll('button, summary, .button')]"
        ".filter((one) => one.checkVisibility() && one.getBoundingClientRect().height < 24)"
        ".map((one) => one.outerHTML)"
    )
    assert small == []


async def test_the_page_speaks_german_to_those_who_ask_for_it(browser, api, token):
    with browser.page(f"{api.base_url}/healthz") as page:
        page.call("Network.setExtraHTTPHeaders", headers={"accept-language": "de-AT,en;q=0.5"})
        page.goto(f"{api.base_url}/")
        await page.shows("h1", "Was euer Chat")
        assert page.evaluate("document.documentElement.lang") == "de"
        sign_in(page, token)
        await page.shows("#file-name", "Exportierten Chat wählen")
        page.choose_file("#file", SAMPLE)
        await page.shows(".chart[data-drawn]")
        await page.shows(".unlock", "Für 50 Münzen freischalten")
        for width in WIDTHS:
            page.show_at(width, 900)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.complaints() == []
