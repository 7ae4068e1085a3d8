"""How many requests a user may make: a token bucket for each, in this process."""

import math
import time
from collections import OrderedDict

from app.api.problems import RateLimited

USERS_MAX = 10_000


class RateLimiter:
    """`per_minute` requests at once, refilled evenly. The least recent users are forgotten."""

    def __init__(self, *, per_minute: int) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, user_id: str) -> None:
        """Counts one request. Raises RateLimited with the seconds to wait."""
        now = time.monotonic()
        tokens, at = self._buckets.pop(user_id, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - at) * self._per_second)
        is_admitted = tokens >= 1
        self._buckets[user_id] = (tokens - 1 if is_admitted else tokens, now)
        if len(self._buckets) > USERS_MAX:
            self._buckets.popitem(last=False)
        if not is_admitted:
            raise RateLimited(retry_after_s=math.ceil((1 - tokens) / self._per_second))
