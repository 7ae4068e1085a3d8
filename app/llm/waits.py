"""How long a provider asks to wait: in headers of several names, in the body, or in words."""

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import cast

from app.llm.told import DEPTH_MAX, Told

WAIT_MAX_S = 600.0
EPOCH_MIN_S = 1_000_000_000.0
"""A number this large is a time, not a wait."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATIONS = re.compile(rf"(?:{_DURATION.pattern}\s*)+")
_WORDS = re.compile(
    r"(?:try again|retry|wait|available|resets?)[^.\d]{0,24}"
    r"((?:\d+(?:\.\d+)?\s*(?:ms|s|m|h)[a-z]*\s*)+)"
)
_UNIT = re.compile(r"(\d)\s*(ms|h|m|s)[a-z]*\s*")
_QUOTA_LEFT_IN = re.compile(r";\s*t=(\d{1,9})\b")
"""Of the header `RateLimit` as the IETF drafts it: `"default";r=0;t=21`."""
_RESET = re.compile(r"rate-?limit-(?:reset-?(.*)|(.+)-reset)$")
_BODY_KEYS = frozenset({"retrydelay", "retry_after", "retry_after_seconds", "retryafter"})


def wait_told_s(headers: Mapping[str, str], told: Told) -> float | None:
    """The wait that headers, else the body, ask for; at most ten minutes. None: no wait is told."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    given |= {name.lower(): str(value) for name, value in _inner_headers(told.body).items()}
    found = _retry_after_s(given)
    if found is None:
        found = next(_in_body(told.body, 0), None)
    if found is None:
        match = _WORDS.search(told.words)
        found = _duration_s(_UNIT.sub(r"\1\2", match[1])) if match else None
    if found is None:
        found = _reset_s(given)
    if found is None and (match := _QUOTA_LEFT_IN.search(given.get("ratelimit", ""))):
        found = float(match[1])
    return None if found is None else min(max(found, 0.0), WAIT_MAX_S)


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """By the standard's name or one that a gateway made of it (`llm_provider-retry-after`)."""
    for name, divisor in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        exact = headers.get(name)
        renamed = (value for each, value in headers.items() if each.endswith(f"-{name}"))
        wait_s = _seconds(exact if exact is not None else next(renamed, ""), divisor)
        if wait_s is not None:
            return wait_s
    return None


def _reset_s(headers: Mapping[str, str]) -> float | None:
    """Of several limits the one that is used up the most: the others' resets are of no concern."""
    waits: list[tuple[float, float]] = []
    for name, value in headers.items():
        match = _RESET.search(name)
        wait_s = _seconds(value, 1.0) if match else None
        if match and wait_s is not None:
            left = _count(headers, name.replace("reset", "remaining"))
            most = _count(headers, name.replace("reset", "limit"), ends="limit")
            share = left if left is None or not most else left / most
            waits.append((math.inf if share is None else share, -wait_s))
    return -min(waits)[1] if waits else None


def _count(headers: Mapping[str, str], name: str, *, ends: str = "") -> float | None:
    told = headers.get(name, headers.get(name.removesuffix(f"-{ends}"), "") if ends else "")
    return float(told) if re.fullmatch(r"\d{1,15}(?:\.\d+)?", told) else None


def _seconds(told: str, divisor: float) -> float | None:
    """A number, a duration (`1m2.5s`), a time since 1970, or a date."""
    if re.fullmatch(r"\d+(?:\.\d+)?", told):
        number = float(told)
        if number < EPOCH_MIN_S or not math.isfinite(number):
            return number / divisor
        return (number / 1000 if number > 1000 * EPOCH_MIN_S else number) - time.time()
    return _duration_s(told) if _DURATIONS.fullmatch(told) else _until_s(told)


def _duration_s(told: str) -> float | None:
    parts = _DURATION.findall(told)
    return sum(float(number) * _UNITS[unit] for number, unit in parts) if parts else None


def _until_s(told: str) -> float | None:
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            return read(told).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            continue
    return None


def _in_body(value: object, depth: int) -> Iterator[float]:
    if depth > DEPTH_MAX:
        return
    if isinstance(value, list):
        for each in cast("list[object]", value):
            yield from _in_body(each, depth + 1)
    if not isinstance(value, dict):
        return
    for name, each in cast("dict[str, object]", value).items():
        if name.lower() in _BODY_KEYS and isinstance(each, str | int | float):
            wait_s = _seconds(str(each), 1.0)
            if wait_s is not None:
                yield wait_s
        else:
            yield from _in_body(each, depth + 1)


def _inner_headers(body: object) -> Mapping[str, object]:
    """Headers of the provider that a gateway hands on in its body (`error.metadata.headers`)."""
    found = body
    for name in ("error", "metadata", "headers"):
        found = cast("dict[str, object]", found).get(name) if isinstance(found, dict) else None
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}
