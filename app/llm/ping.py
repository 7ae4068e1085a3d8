"""Whether a configured model answers as it should."""

import time
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from app.llm.causes import Cause
from app.llm.configured import configured_llm, configured_price
from app.llm.prices import price_of
from app.llm.protocol import Completion, LLMFailed, Prompt
from app.settings import Settings

if TYPE_CHECKING:
    from app.llm.client import ModelClient

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


async def _ping(llm: "ModelClient", settings: Settings) -> tuple[bool, dict[str, Any]]:
    asked = {"model": llm.name, "base_url": settings.llm_base_url}
    started = time.monotonic()
    try:
        completion = await llm.complete(_PROMPT, Pong)
    except LLMFailed as failure:
        told = {"ok": False, **asked, "error": failure.code, **_why(failure)}
        return False, told | {"learnt": llm.learnt.facts()}
    price = configured_price(settings) or price_of(llm.name)
    return True, {
        "ok": True,
        **asked,
        "status": 200,
        "answered_by": completion.model,
        "latency_ms": round((time.monotonic() - started) * 1000),
        **_told(completion),
        "cost_microusd": price and price.cost_microusd(completion.usage),
        "learnt": llm.learnt.facts(),
    }


def _why(failure: LLMFailed) -> dict[str, Any]:
    """Status, cause and advice."""
    rejection = failure.rejection
    if rejection is None:
        return {"status": failure.status, "cause": failure.code, "advice": _ADVICE[failure.code]}
    advice = Cause(rejection.reason).advice
    return {"status": rejection.status, "cause": rejection.reason, "advice": advice}


_ADVICE = {
    "answer_cut": "the model thinks longer than it may: raise SIXFOLD_LLM_MAX_TOKENS",
    "bad_request": "the server refuses what is asked: look into its log",
    "context_too_long": "even a short prompt does not fit: the server's context is too small",
    "invalid_answer": "the model does not keep to a form: choose one that can write JSON",
    "provider_timeout": "no answer in time: check the address, raise SIXFOLD_LLM_TIMEOUT_S",
    "provider_unavailable": "the server is down or not there: check SIXFOLD_LLM_BASE_URL",
    "rate_limited": "too many calls just now: try again later",
    "refused": "the model declines: choose another",
}


def _told(completion: Completion[Pong]) -> dict[str, int]:
    usage = completion.usage
    return {
        "tokens_in": usage.tokens_in,
        "tokens_cached": usage.tokens_cached,
        "tokens_out": usage.tokens_out,
    }
