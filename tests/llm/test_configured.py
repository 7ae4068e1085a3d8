from pydantic import SecretStr

from app.llm.configured import configured_llm, configured_price
from app.llm.prices import Price
from app.settings import Settings


def test_without_a_model_in_the_settings_there_is_none(settings: Settings) -> None:
    assert configured_llm(settings) is None


async def test_the_model_of_the_settings_is_asked(settings: Settings) -> None:
    chosen = settings.model_copy(
        update={"llm_api_key": SecretStr("sk-configured"), "llm_model": "gpt-4.1-mini"}
    )
    llm = configured_llm(chosen)
    assert llm is not None
    await llm.close()
    assert llm.name == "gpt-4.1-mini"
    assert "sk-configured" not in repr(llm)


def test_a_price_in_the_settings_overrules_the_table(settings: Settings) -> None:
    assert configured_price(settings) is None
    prices = {"llm_price_input": 1.0, "llm_price_cached": 0.0, "llm_price_output": 4.0}
    assert configured_price(settings.model_copy(update=prices)) == Price(1.0, 0.0, 4.0)
