"""The model that the settings name."""

from typing import TYPE_CHECKING

from redis.asyncio import Redis

from app.llm.limits import LEASE_MARGIN_S, CallLimits
from app.llm.prices import Price
from app.llm.shared import Bounds
from app.settings import Settings

if TYPE_CHECKING:
    from app.llm.client import ModelClient


def configured_llm(settings: Settings) -> "ModelClient | None":
    """A client of the configured model, one a process; None when none is configured."""
    if settings.llm_api_key is None or settings.llm_model is None:
        return None
    # The SDK takes a second to import; offline processes do without.
    from app.llm.client import ModelClient

    return ModelClient(
        model=settings.llm_model,
        api_key=settings.llm_api_key.get_secret_value(),
        base_url=settings.llm_base_url,
        concurrency=settings.llm_concurrency,
        timeout_s=settings.llm_timeout_s,
        tokens_max=settings.llm_max_tokens,
    )


def configured_limits(settings: Settings, redis: Redis) -> CallLimits:
    """This process's way to the slots that all workers share for the configured model."""
    bounds = Bounds(
        concurrency=settings.llm_concurrency,
        requests_per_minute=settings.llm_requests_per_minute,
        tokens_per_minute=settings.llm_tokens_per_minute,
        lease_s=settings.llm_timeout_s + LEASE_MARGIN_S,
    )
    return CallLimits(redis, model=settings.llm_model or "", bounds=bounds)


def configured_price(settings: Settings) -> Price | None:
    """The price in the settings; None when the table's counts."""
    match settings.llm_price_input, settings.llm_price_cached, settings.llm_price_output:
        case float(told), float(cached), float(output):
            return Price(told, cached, output)
        case _:
            return None
