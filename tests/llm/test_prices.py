import tomllib
from datetime import date
from pathlib import Path

import pytest

from app.llm import prices
from app.llm.prices import Price, price_of
from app.llm.protocol import Usage

TABLE = Path(prices.__file__).with_name("prices.toml")


def test_cached_tokens_cost_what_cached_tokens_cost() -> None:
    price = Price(input=2.0, cached=0.5, output=8.0)
    assert price.cost_microusd(Usage(1_000, 400, 100)) == 600 * 2 + 200 + 800


@pytest.mark.parametrize("name", ["gpt-4.1-mini-2025-04-14", "openai/gpt-4.1-mini"])
def test_a_model_is_found_without_its_date_and_vendor(name: str) -> None:
    assert price_of(name) == price_of("gpt-4.1-mini") is not None


@pytest.mark.parametrize("name", ["llama3.2", "gpt-4o-audio-preview", ""])
def test_an_unknown_model_has_no_price(name: str) -> None:
    assert price_of(name) is None


def test_a_cost_follows_from_the_whole_prices_that_a_bill_keeps() -> None:
    price = Price(input=0.15, cached=0.075, output=0.6)
    fresh, cached, output = price.snapshot
    assert (fresh, cached, output) == (150_000, 75_000, 600_000)
    exact = 1_234 * fresh + 567 * cached + 89 * output
    assert price.cost_microusd(Usage(1_234 + 567, 567, 89)) == round(exact / 1_000_000)


def test_a_half_micro_dollar_is_rounded_up() -> None:
    assert Price(input=0.5, cached=0.1, output=1.0).cost_microusd(Usage(1, 0, 0)) == 1


def test_the_table_says_when_it_was_written_and_that_it_is_to_be_checked() -> None:
    text = TABLE.read_text(encoding="utf-8")
    assert "TO BE CHECKED" in text
    assert isinstance(tomllib.loads(text)["written_on"], date)


def test_cached_tokens_never_cost_more_than_fresh_ones() -> None:
    models = tomllib.loads(TABLE.read_text(encoding="utf-8"))["models"]
    for name in models:
        price = price_of(name)
        assert price is not None
        assert 0 < price.cached < price.input < price.output
