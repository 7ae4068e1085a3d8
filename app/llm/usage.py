"""Tokens as providers count them, by every vendor's names."""

import math
from collections.abc import Iterable
from typing import Any

from app.llm.protocol import Usage
from app.llm.shapes import object_of

TOKENS_MAX = 2**31
_IN = ("prompt_tokens", "input_tokens", "prompt_token_count", "promptTokenCount", "inputTokens")
_OUT = (
    "completion_tokens",
    "output_tokens",
    "candidates_token_count",
    "candidatesTokenCount",
    "generated_tokens",
    "outputTokens",
)
_CACHED = (
    "cached_tokens",
    "prompt_cache_hit_tokens",
    "cache_read_input_tokens",
    "cached_prompt_tokens",
    "num_cached_tokens",
    "cached_content_token_count",
    "cachedContentTokenCount",
    "cached_input_tokens",
    "cache_read_tokens",
    "cacheReadInputTokens",
    "cache_n",
)
_TOTAL = ("total_tokens", "total_token_count", "totalTokenCount", "totalTokens")
_DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_details")
_APART = ("input_tokens", "inputTokens")
_READ = ("cache_read_input_tokens", "cacheReadInputTokens")
_WRITTEN = ("cache_creation_input_tokens", "cacheWriteInputTokens")


def usage_of(told: dict[str, Any]) -> Usage | None:
    """What the answer `told` says it used; None when it says nothing.

    Anthropic's own counts, and Bedrock's, leave what was cached out of the input; others put it in.
    """
    counted = object_of(told.get("usage")) or object_of(told.get("usageMetadata"))
    tokens_in = _first(counted, _IN)
    if tokens_in is None:
        return None
    cached = _cached(counted) or _cached(object_of(told.get("timings"))) or 0
    if not counted.keys().isdisjoint(_APART) and "prompt_tokens" not in counted:
        apart = _first(counted, _READ) or 0
        tokens_in += apart + (_first(counted, _WRITTEN) or 0)
    tokens_out = _first(counted, _OUT) or 0
    # Some leave thought out of `completion_tokens`, and bill it: the total has it.
    total = _first(counted, _TOTAL) or 0
    return Usage(
        tokens_in=tokens_in,
        tokens_cached=min(cached, tokens_in),
        tokens_out=max(tokens_out, min(total, TOKENS_MAX) - tokens_in),
    )


def thought_tokens(told: dict[str, Any]) -> int:
    """How many of the tokens of an answer were thought, as far as it says."""
    counted = object_of(told.get("usage"))
    names = ("completion_tokens_details", "output_tokens_details")
    found = (_first(object_of(counted.get(name)), ("reasoning_tokens",)) for name in names)
    return next((each for each in found if each is not None), 0)


def _cached(counted: dict[str, Any]) -> int | None:
    details = (object_of(counted.get(name)) for name in _DETAILS)
    found = [_first(each, _CACHED) for each in (*details, counted)]
    return max((each for each in found if each is not None), default=None)


def _first(counted: dict[str, Any], names: Iterable[str]) -> int | None:
    return next((count for name in names if (count := _count(counted.get(name))) is not None), None)


def _count(value: object) -> int | None:
    """A count as a whole number: some write floats, some text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return round(number) if math.isfinite(number) and 0 <= number < TOKENS_MAX else None
