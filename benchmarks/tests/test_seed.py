"""What the benchmark seeds is what an upload would have stored."""

from app.catalog.categories import CATEGORIES
from app.catalog.fit import Fit, Measures, fit_of
from benchmarks.seed import SMALL_CHAT, encoded_chat


def test_every_category_is_sold_for_a_small_chat():
    held = encoded_chat(SMALL_CHAT).substance
    measures = Measures(held.worded, held.voices, held.days)

    fits = {key: fit_of(key, measures)[0] for key in CATEGORIES}

    assert Fit.NONE not in fits.values(), fits
