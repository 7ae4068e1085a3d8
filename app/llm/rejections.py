"""A provider that rejects us, as all processes know it: what they do until a human mends it."""

import asyncio
import time
from dataclasses import dataclass

import orjson
import structlog
from redis.asyncio import Redis

from app import telemetry
from app.llm.causes import Cause
from app.llm.protocol import Rejection
from app.redis import PREFIX, RedisError

REJECTED_WAIT_S = 120.0
"""A wrong key, model or address is mended by a human, not by the next call."""
GIVE_UP_S = 900.0
"""Jobs under way wait so long for a human; then their coins come back."""
KEPT_S = 180.0
"""Without a worker that repeats it a rejection is forgotten: the worker may have been killed."""
FRESH_S, ANSWER_S, AWAY_S = 0.1, 0.25, 2.0
"""How long what is known counts, Redis has time to answer, and is left alone if it did not."""
KEY = f"{PREFIX}llm:rejection"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """A rejection and when it began, in seconds since 1970."""

    rejection: Rejection
    since: float

    @property
    def left_s(self) -> float:
        """For how long jobs under way still wait."""
        return max(0.0, self.since + GIVE_UP_S - time.time())


def began_now(rejection: Rejection) -> Standing:
    """A rejection that is met for the first time."""
    return Standing(rejection, time.time())


class Rejections:
    """One a process. Without Redis each process knows its own only."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._known: Standing | None = None
        self._ask_at = 0.0

    async def report(self, rejection: Rejection) -> Standing:
        """Tells all processes, again and again as long as it lasts; when it began stays."""
        first = await self._read() or self._known
        standing = Standing(rejection, first.since if first else time.time())
        if self._known is None:
            _tell(rejection)
        self._know(standing)
        told = orjson.dumps(
            {"reason": rejection.reason, "status": rejection.status, "host": rejection.host}
            | {"since": standing.since}
        )
        try:
            await self._redis.set(KEY, told, px=round(KEPT_S * 1000))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("llm.rejection_untold", error=type(error).__name__)
        return standing

    async def clear(self) -> None:
        """The provider answers again."""
        self._know(None)
        log.info("llm.accepted")
        try:
            await self._redis.delete(KEY)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("llm.rejection_untold", error=type(error).__name__)

    async def current(self) -> Standing | None:
        """The rejection that stands. Of many unlocks at once one asks Redis."""
        now = time.monotonic()
        if now >= self._ask_at:
            self._ask_at = now + FRESH_S  # Before the wait: the others go on.
            self._known = await self._read()
        return self._known

    async def _read(self) -> Standing | None:
        try:
            async with asyncio.timeout(ANSWER_S):
                told = await self._redis.get(KEY)
        except (RedisError, OSError, TimeoutError):
            self._ask_at = time.monotonic() + AWAY_S
            return None  # Then unlocks go on: what is sold in vain is given back.
        if told is None:
            return None
        read = orjson.loads(told)
        return Standing(Rejection(read["reason"], read["status"], read["host"]), read["since"])

    def _know(self, standing: Standing | None) -> None:
        self._known = standing
        telemetry.llm_rejected.clear()
        if standing is not None:
            told = standing.rejection
            telemetry.llm_rejected.labels(told.reason, str(told.status), told.host).set(1)


def _tell(rejection: Rejection) -> None:
    log.error(
        "llm.rejected",
        reason=rejection.reason,
        status=rejection.status,
        host=rejection.host,
        advice=Cause(rejection.reason).advice,
    )
