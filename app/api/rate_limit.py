"""How many requests a user may make, over all processes of the API.

A bucket for each user, kept as the time at which it is full again (the generic cell rate
algorithm, ITU-T I.371). One script in Redis decides for all requests that wait at one moment;
without Redis each process keeps buckets of its own.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from app.group_commit import GroupCommit
from app.redis import PREFIX, SoonScript

USERS_MAX = 10_000
WINDOW_S = 60
POLICY = "requests"
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Quota:
    """What a user has left after a request. `debt_s`: until the whole quota is there again."""

    per_minute: int
    is_admitted: bool
    debt_s: float

    @property
    def remaining(self) -> int:
        """Requests that would be admitted now."""
        left = self.per_minute * (1 - self.debt_s / WINDOW_S)
        return max(0, math.floor(left + 1e-3)) if self.is_admitted else 0

    @property
    def wait_s(self) -> int:
        """Until a request is admitted, if this one is not; else until the quota is whole."""
        if self.is_admitted:
            return math.ceil(self.debt_s)
        return max(1, math.ceil(self.debt_s + WINDOW_S / self.per_minute - WINDOW_S))

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """As draft-ietf-httpapi-ratelimit-headers names them."""
        policy = f'"{POLICY}";q={self.per_minute};w={WINDOW_S}'
        left = f'"{POLICY}";r={self.remaining};t={self.wait_s}'
        return (b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())


class RateLimits:
    """`per_minute` requests at once, refilled evenly. In this process alone until `share`."""

    def __init__(self, *, per_minute: int) -> None:
        self._per_minute = per_minute
        self._interval_s = WINDOW_S / per_minute
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._script: SoonScript | None = None
        self._commit = GroupCommit(self._ask, kind="rate_limits", batch_max=_AT_ONCE)

    def share(self, redis: Redis) -> None:
        """From now on all processes with this Redis count together."""
        self._script = SoonScript(redis, _SCRIPT)

    async def count(self, user_id: str) -> Quota:
        """Counts one request, if it is admitted."""
        if self._script is None:
            return self.count_here(user_id)
        return await self._commit.submit(user_id)

    def count_here(self, user_id: str) -> Quota:
        """As `count`, in this process alone. The least recent users are forgotten."""
        now = time.monotonic()
        debt_s = max(0.0, self._full_at.pop(user_id, now) - now)
        is_admitted = debt_s + self._interval_s <= WINDOW_S + 1e-6
        if is_admitted:
            debt_s += self._interval_s
        self._full_at[user_id] = now + debt_s
        if len(self._full_at) > USERS_MAX:
            self._full_at.popitem(last=False)
        return Quota(self._per_minute, is_admitted, debt_s)

    async def _ask(self, user_ids: Sequence[str]) -> list[Quota]:
        told = self._script and await self._script.run(
            [f"{PREFIX}rate:{user_id}" for user_id in user_ids],
            [WINDOW_S * 1_000_000, self._interval_s * 1_000_000],
        )
        if not told:
            return [self.count_here(user_id) for user_id in user_ids]
        return [
            Quota(self._per_minute, is_admitted == 1, debt_us / 1_000_000)
            for is_admitted, debt_us in zip(told[::2], told[1::2], strict=True)
        ]


_SCRIPT = """
local window, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answers = {}
for number, key in ipairs(KEYS) do
  local full_at = tonumber(redis.call('GET', key) or '0')
  local debt = math.min(window, math.max(0, full_at - now))
  local admitted = debt + interval <= window + 1
  if admitted then
    debt = debt + interval
    redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
  end
  answers[2 * number - 1] = admitted and 1 or 0
  answers[2 * number] = math.floor(debt)
end
return answers
"""
