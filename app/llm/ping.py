"""Whether a configured model answers as it should."""

import time
from typing import Any

from pydantic import BaseModel

from app.llm.configured import configured_llm, configured_price
from app.llm.prices import price_of
from app.llm.protocol import LLM, Completion, LLMFailed, Prompt
from app.settings import Settings

CALLS_MAX = 3
"""A server without enforced schemas takes up to two calls to be known as one."""

_PROMPT = Prompt(
    system="You answer in JSON, briefly.",
    shared="This checks a connection.",
    question='Put the word "ready" into `answer`.',
)


class Pong(BaseModel):
    """What is asked for."""

    answer: str


async def ping_model(settings: Settings) -> tuple[bool, dict[str, Any]]:
    """Whether the model answered in the form asked for, and facts to print."""
    llm = configured_llm(settings)
    if llm is None:
        return False, {
            "ok": False,
            "error": "not_configured",
            "advice": "set SIXFOLD_LLM_API_KEY and SIXFOLD_LLM_MODEL; until then insights are"
            " written offline",
        }
    try:
        return await _ping(llm, settings)
    finally:
        await llm.close()


async def _ping(llm: LLM, settings: Settings) -> tuple[bool, dict[str, Any]]:
    asked = {"model": llm.name, "base_url": settings.llm_base_url}
    for call in range(1, CALLS_MAX + 1):
        started = time.monotonic()
        try:
            completion = await llm.complete(_PROMPT, Pong)
        except LLMFailed as failure:
            if failure.code == "provider_adapted" and call < CALLS_MAX:
                continue
            return False, {"ok": False, **asked, "error": failure.code, "calls": call}
        price = configured_price(settings) or price_of(llm.name)
        return True, {
            "ok": True,
            **asked,
            "answered_by": completion.model,
            "calls": call,
            "latency_ms": round((time.monotonic() - started) * 1000),
            **_told(completion),
            "cost_microusd": price and price.cost_microusd(completion.usage),
        }
    raise RuntimeError("the last call either answers or fails")


def _told(completion: Completion[Pong]) -> dict[str, int]:
    usage = completion.usage
    return {
        "tokens_in": usage.tokens_in,
        "tokens_cached": usage.tokens_cached,
        "tokens_out": usage.tokens_out,
    }
