"""What the failures of a provider mean for the one who asked."""

import re
from collections.abc import Mapping

import httpx2
import openai

from app.llm.causes import Cause, cause_of
from app.llm.protocol import ContextTooLong, InvalidAnswer, LLMFailed, Rejection, Usage
from app.llm.rejections import REJECTED_WAIT_S
from app.llm.shapes import object_of
from app.llm.told import Told, told_by
from app.llm.waits import wait_told_s

FIT_MAX, FIT_MIN = 0.5, 0.02
_FIT_MARGIN = 0.8
_LIMIT = re.compile(
    r"(?:context|maximum|limit|n_ctx|allowed|window|size)[^\d]{0,48}(\d[\d,]{2,})|> (\d[\d,]{2,})"
)


def failure_of(error: Exception, *, host: str) -> LLMFailed:
    """The failure that `error` of the SDK stands for; no text of the provider is kept."""
    match error:
        case openai.APITimeoutError() if not isinstance(error.__cause__, httpx2.ConnectTimeout):
            return LLMFailed("provider_timeout", is_outage=True)
        case openai.APIStatusError():
            told = told_by(error.response.content, error.status_code)
            return refusal_of(told, error.response.headers, host=host)
        case _:  # A connection that is lost or cannot be made.
            return LLMFailed("provider_unavailable", is_outage=True)


def refusal_of(told: Told, headers: Mapping[str, str], *, host: str) -> LLMFailed:
    """The failure that an error in an answer stands for."""
    failure = _refusal_of(told, headers, host=host)
    failure.status = told.status
    return failure


def _refusal_of(told: Told, headers: Mapping[str, str], *, host: str) -> LLMFailed:
    cause, wait_s = cause_of(told), wait_told_s(headers, told)
    if cause.is_rejection:
        rejection = Rejection(cause.value, told.status, host)
        return LLMFailed(
            "provider_rejected",
            retry_after_s=REJECTED_WAIT_S,
            is_outage=True,
            rejection=rejection,
        )
    match cause:
        case Cause.RATE:
            return LLMFailed("rate_limited", retry_after_s=wait_s)
        case Cause.OUTAGE:
            return LLMFailed("provider_unavailable", retry_after_s=wait_s, is_outage=True)
        case Cause.REFUSED:
            return LLMFailed("refused", is_final=True)
        case Cause.CONTEXT | Cause.LIMIT:  # A limit that cannot be lower: the prompt has to be.
            return ContextTooLong(fit=fit_of(told), tokens_max=context_told(told))
        case Cause.UNUSABLE:
            return InvalidAnswer(usage=Usage(), repair=None)
        case _:
            return LLMFailed("bad_request", is_final=True)


def fit_of(told: Told) -> float:
    """The share of the prompt that the server can take, at most a half, as far as it says."""
    limit, asked = context_told(told), max(told.numbers, default=0)
    if not limit or asked <= limit:
        return FIT_MAX
    return min(max(_FIT_MARGIN * limit / asked, FIT_MIN), FIT_MAX)


def context_told(told: Told) -> int | None:
    """The length of the model's context that an error tells of; None if it tells none."""
    body = object_of(told.body)
    length = (object_of(body.get("error")) or body).get("n_ctx")
    if isinstance(length, int):
        return length
    match = _LIMIT.search(told.words)
    return int((match[1] or match[2]).replace(",", "")) if match else None
