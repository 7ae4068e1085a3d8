"""What the failures of a provider mean for the one who asked."""

import math
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx2
import openai

from app.llm.protocol import LLMFailed

WAIT_MAX_S = 600.0
REJECTED_WAIT_S = 120.0
"""A wrong key, model or address is mended by a human, not by the next call."""
_OVERLOADED = frozenset({408, 409, 425, 529})
_REJECTED = frozenset({401, 402, 403, 404, 405, 407})


def failure_of(error: openai.OpenAIError) -> LLMFailed:
    """The failure that `error` of the SDK stands for; no text of the provider is kept."""
    match error:
        case openai.APITimeoutError() if not isinstance(error.__cause__, httpx2.ConnectTimeout):
            return LLMFailed("provider_timeout", is_outage=True)
        case openai.APIStatusError():
            return _of_status(error)
        case _:  # A connection that is lost or cannot be made.
            return LLMFailed("provider_unavailable", is_outage=True)


def _of_status(error: openai.APIStatusError) -> LLMFailed:
    status = error.status_code
    wait_s = retry_after_s(error.response.headers)
    if status == 429:
        if error.code == "insufficient_quota":  # No wait mends an empty account.
            return LLMFailed("provider_rejected", retry_after_s=REJECTED_WAIT_S, is_outage=True)
        return LLMFailed("rate_limited", retry_after_s=wait_s)
    if status in _REJECTED:
        return LLMFailed("provider_rejected", retry_after_s=REJECTED_WAIT_S, is_outage=True)
    if status >= 500 or status in _OVERLOADED or status < 400:
        return LLMFailed("provider_unavailable", retry_after_s=wait_s, is_outage=True)
    if error.code == "content_filter":
        return LLMFailed("refused", is_final=True)
    return LLMFailed("bad_request", is_final=True)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The wait a provider asks for: milliseconds, seconds or a date; at most ten minutes."""
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        wait_s = _seconds(headers.get(name, ""), divisor)
        if wait_s is not None:
            return min(max(wait_s, 0.0), WAIT_MAX_S)
    return None


def _seconds(told: str, divisor: float) -> float | None:
    if re.fullmatch(r"\s*\d+(?:\.\d+)?\s*", told):
        return float(told) / divisor
    try:
        wait_s = parsedate_to_datetime(told).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return wait_s if math.isfinite(wait_s) else None
