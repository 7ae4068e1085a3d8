"""Who has signed out: tokens issued before are refused, and streams opened with them end.

The truth is `not_before` of the account. What writes reads it anew; what only reads may rely on
what this process read KEPT_S ago, or less: a notification makes it forget at once. A token that
was refused once is refused from memory, as `not_before` only grows.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress

from redis.asyncio import Redis

from app import reachability
from app.credits.accounts import read_not_before, sign_out
from app.errors import Unavailable
from app.group_commit import GroupCommit
from app.jobs.notifications import listen_to
from app.redis import PREFIX, SOON_S, RedisError, end_task
from app.supervision import supervised
from app.users.auth import Principal, Unauthorized

SIGNED_OUT = f"{PREFIX}signed-out"
"""The channel on which the user is named who has signed out."""
KEPT_S = 2.0
"""So long a read may go by what is known, where no notification arrives."""
STREAMS_CHECKED_S = 5.0
USERS_MAX = 10_000
NEVER = float("-inf")


class Sessions:
    """What one API process knows of sign-outs."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Of a user: when it was read (monotonic), and until when tokens are refused."""
        self._reads = GroupCommit[str, float](self._read, kind="sign_outs")
        self._streaming: Counter[str] = Counter()
        self._redis: Redis | None = None
        self._tell_streams: Callable[[str], object] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def open(self, redis: Redis, *, tell_streams: Callable[[str], object]) -> None:
        """From now on it hears of other processes, and tells streams of a user to look whether
        they are over."""
        self._redis, self._tell_streams = redis, tell_streams
        self._tasks = [
            supervised("sign-outs", lambda: listen_to(redis, SIGNED_OUT, self._heard)),
            supervised("sessions of streams", self._watch_streams),
        ]

    async def close(self) -> None:
        """Ends what `open` began."""
        for task in self._tasks:
            await end_task(task)
        await self._reads.close()

    def refuse_known(self, principal: Principal) -> None:
        """Raises Unauthorized if the token is known to be refused; without a query."""
        if self.is_over(principal):
            raise Unauthorized

    def is_over(self, principal: Principal) -> bool:
        """Whether the token is known to be refused."""
        known = self._known.get(principal.user_id)
        return known is not None and principal.issued_at <= known[1]

    async def check(self, principal: Principal, *, is_fresh: bool) -> None:
        """Raises Unauthorized if the user has signed out since the token was issued.

        `is_fresh` reads it now. Raises Unavailable.
        """
        known = self._known.get(principal.user_id)
        if is_fresh or known is None or time.monotonic() - known[0] > KEPT_S:
            await self._reads.submit(principal.user_id)
        self.refuse_known(principal)

    async def sign_out(self, principal: Principal) -> None:
        """Ends all sessions of the user, at all processes."""
        not_before = await sign_out(principal.user_id, issued_at=principal.issued_at)
        self._note(principal.user_id, not_before)
        if self._redis is None:
            return
        try:
            async with asyncio.timeout(SOON_S):
                await self._redis.publish(SIGNED_OUT, principal.user_id)  # pyright: ignore[reportUnknownMemberType]
        except (RedisError, OSError, TimeoutError) as error:
            reachability.redis.lost(error)  # The others find it when they look.

    @contextmanager
    def streaming(self, user_id: str) -> Generator[None]:
        """While a stream of the user is open, sign-outs are looked for."""
        self._streaming[user_id] += 1
        try:
            yield
        finally:
            self._streaming[user_id] -= 1
            if not self._streaming[user_id]:
                del self._streaming[user_id]

    async def _heard(self, message: bytes) -> None:
        user_id = message.decode("utf-8", "replace")
        if self._streaming[user_id]:
            await self._reads.submit(user_id)
        else:
            self._known.pop(user_id, None)

    async def _watch_streams(self) -> None:
        while True:
            await asyncio.sleep(STREAMS_CHECKED_S)
            with suppress(Unavailable):  # Why is in the log already.
                await asyncio.gather(*map(self._reads.submit, list(self._streaming)))

    async def _read(self, user_ids: Sequence[str]) -> list[float]:
        found = await read_not_before(list(set(user_ids)))
        for user_id in set(user_ids):
            self._note(user_id, found.get(user_id, NEVER))
        return [found.get(user_id, NEVER) for user_id in user_ids]

    def _note(self, user_id: str, not_before: float) -> None:
        known = self._known.pop(user_id, (0.0, NEVER))
        # Two readings may be told out of turn: it only grows.
        self._known[user_id] = (time.monotonic(), max(known[1], not_before))
        if len(self._known) > USERS_MAX:
            self._known.popitem(last=False)
        if not_before > known[1] and self._streaming[user_id] and self._tell_streams is not None:
            self._tell_streams(user_id)
