"""The catalog is what is sold: its shape, prices and versions are promises."""

import hashlib

import pytest

from app.catalog.categories import CATEGORIES, Category
from app.generation.offline.measures.lexicon import Lexicon

PINNED = {
    ("friendship", 1): "e3ad0ae5f8ce0879",
    ("family", 1): "810f5814f4b129ef",
    ("romance", 1): "0c630cac314e6cd0",
    ("work", 1): "6c0f1cdff37a328f",
}


def fingerprint(sold: Category) -> str:
    parts = [
        part
        for spec in sold.insights
        for part in (spec.key, spec.prompt, *spec.queries, *spec.signals)
    ]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def test_four_categories_have_their_prices():
    prices = {key: sold.price_coins for key, sold in CATEGORIES.items()}
    assert prices == {"friendship": 50, "family": 50, "romance": 100, "work": 100}


@pytest.mark.parametrize("sold", CATEGORIES.values(), ids=list(CATEGORIES))
def test_a_category_holds_six_different_insights_in_order(sold: Category):
    assert [spec.ord for spec in sold.insights] == [1, 2, 3, 4, 5, 6]
    assert len({spec.key for spec in sold.insights}) == 6
    assert len({spec.title for spec in sold.insights}) == 6


@pytest.mark.parametrize("sold", CATEGORIES.values(), ids=list(CATEGORIES))
def test_every_insight_says_what_to_look_for_and_what_to_hold(sold: Category):
    known = set(Lexicon(["en"]).phrases)
    for spec in sold.insights:
        assert len(spec.queries) >= 2
        assert len(spec.prompt) > 150
        assert len(spec.metrics) >= 3
        assert spec.key.replace("_", "").isalpha()
        assert spec.key == spec.key.lower()
        assert set(spec.signals) <= known


@pytest.mark.parametrize("key", list(CATEGORIES))
def test_a_changed_prompt_needs_a_changed_version(key: str):
    sold = CATEGORIES[key]
    assert PINNED[key, sold.prompt_version] == fingerprint(sold), (
        "raise prompt_version in the category's file and pin the new fingerprint"
    )
