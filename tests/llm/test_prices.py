import pytest

from app.llm.prices import Price, price_of
from app.llm.protocol import Usage


def test_cached_tokens_cost_what_cached_tokens_cost() -> None:
    price = Price(input=2.0, cached=0.5, output=8.0)
    assert price.cost_microusd(Usage(1_000, 400, 100)) == 600 * 2 + 200 + 800


@pytest.mark.parametrize("name", ["gpt-4.1-mini-2025-04-14", "openai/gpt-4.1-mini"])
def test_a_model_is_found_without_its_date_and_vendor(name: str) -> None:
    assert price_of(name) == price_of("gpt-4.1-mini") is not None


@pytest.mark.parametrize("name", ["llama3.2", "gpt-4o-audio-preview", ""])
def test_an_unknown_model_has_no_price(name: str) -> None:
    assert price_of(name) is None
