"""The console in a browser, as its tests use it."""

import json

from tests.support.browser import Page

KEPT = "sixfold.token"


def sign_in(page: Page, token: str) -> None:
    """As if somebody had signed in here before."""
    page.evaluate(f"localStorage.setItem({json.dumps(KEPT)}, {json.dumps(token)})")
    page.reload()
