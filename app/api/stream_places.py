"""How many event streams a user may have open, over all processes of the API.

Each open stream is an entry of its user's sorted set in Redis, with a lease that its process
renews; what a killed process held is free again when the lease is over. Without Redis each
process counts its own.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from uuid import uuid4

from redis.asyncio import Redis

from app.errors import DomainError
from app.group_commit import GroupCommit
from app.redis import PREFIX, SoonScript, end_task
from app.supervision import supervised

STREAMS_MAX = 20
LEASE_S = 60
RENEW_S = 20
RETRY_AFTER_S = 10
_AT_ONCE = 500


class TooManyStreams(DomainError):
    """So many event streams of this user are open that no other may be; close one."""

    code, http_status = "too_many_streams", 429
    retry_after_s = RETRY_AFTER_S


class _Wish(StrEnum):
    TAKE = "take"
    KEEP = "keep"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class _Place:
    user_id: str
    id: str


class StreamPlaces:
    """The places of the streams of this process."""

    def __init__(
        self, redis: Redis, *, at_most: int = STREAMS_MAX, renew_s: float = RENEW_S
    ) -> None:
        self._renew_s = renew_s
        self._at_most = at_most
        self._script = SoonScript(redis, _SCRIPT)
        self._commit = GroupCommit(self._ask, kind="stream_places", batch_max=_AT_ONCE)
        self._held: set[_Place] = set()
        self._of_user: Counter[str] = Counter()
        self._dropping: set[asyncio.Task[bool]] = set()
        self._renewing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def of(self, user_id: str) -> AsyncGenerator[None]:
        """A place for one stream. Raises TooManyStreams."""
        if self._of_user[user_id] >= self._at_most:
            raise TooManyStreams(streams_max=self._at_most)
        place = _Place(user_id, uuid4().hex)
        self._hold(place)
        try:
            if not await self._commit.submit((_Wish.TAKE, place)):
                raise TooManyStreams(streams_max=self._at_most)
            yield
        finally:
            self._let_go(place)

    async def close(self) -> None:
        """Gives all places back."""
        if self._renewing is not None:
            await end_task(self._renewing)
        await self._commit.close()

    def _hold(self, place: _Place) -> None:
        self._held.add(place)
        self._of_user[place.user_id] += 1
        if self._renewing is None or self._renewing.done():
            self._renewing = supervised("stream places", self._renew)

    def _let_go(self, place: _Place) -> None:
        self._held.discard(place)
        self._of_user[place.user_id] -= 1
        if not self._of_user[place.user_id]:
            del self._of_user[place.user_id]
        # Not awaited: the stream may be cancelled. What is lost ends with its lease.
        dropping = asyncio.create_task(self._commit.submit((_Wish.DROP, place)))
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)

    async def _renew(self) -> None:
        while self._held:
            await asyncio.sleep(self._renew_s)
            # In one line with all that takes and drops: a place that is given back stays so.
            keeps = [self._commit.submit((_Wish.KEEP, place)) for place in self._held]
            await asyncio.gather(*keeps)

    async def _ask(self, wishes: Sequence[tuple[_Wish, _Place]]) -> list[bool]:
        """Of each whether it is granted; all are when Redis is away."""
        keys = [f"{PREFIX}streams:{place.user_id}" for _, place in wishes]
        args = [self._at_most, LEASE_S * 1000]
        args += [part for wish, place in wishes for part in (wish.value, place.id)]
        granted = await self._script.run(keys, args)
        return [True] * len(wishes) if granted is None else [one == 1 for one in granted]


_SCRIPT = """
local most, lease_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local granted = {}
for number, key in ipairs(KEYS) do
  local wish, id = ARGV[1 + 2 * number], ARGV[2 + 2 * number]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  granted[number] = 1
  if wish == 'drop' then redis.call('ZREM', key, id)
  elseif wish == 'take' and redis.call('ZCARD', key) >= most then granted[number] = 0
  else
    redis.call('ZADD', key, now + lease_ms, id)
    redis.call('PEXPIRE', key, lease_ms)
  end
end
return granted
"""
