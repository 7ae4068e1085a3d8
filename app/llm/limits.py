"""Slots for calls, within limits that all worker processes share.

A call reserves before it is sent and corrects by what it really used. Who waits is served first
come first served, except that a user's second job in a process comes after all users' first.
"""

import asyncio
import time
from bisect import insort
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis

from app import reachability
from app.llm.shared import Answer, Ask, Bounds, LocalShare, SharedLimits
from app.redis import RedisError
from app.supervision import supervised

BATCH_MAX = 16
WAIT_MAX_S = 60.0
SEND_WITHIN_S = 10.0
"""A slot that waited longer for its call is not used: its lease might end before the call."""
LEASE_MARGIN_S = SEND_WITHIN_S + 5.0
BUSY_RETRY_S = 5.0
HINT_MIN_S, HINT_MAX_S = 0.01, 0.25
PROBE_S = 1.0

log = structlog.get_logger()


class NoSlot(Exception):
    """No slot came free in time; worth asking again after `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("no slot for the call")


@dataclass(slots=True)
class Permit:
    """A slot for one call."""

    id: str
    tokens: int
    granted_at: float
    second: int
    spent: int | None = None
    """Tokens that the call really used, once that is known."""
    pause_s: float = 0.0
    """The provider asked to wait so long: no process starts a call before that."""

    @property
    def is_fresh(self) -> bool:
        """Whether a call sent now ends before the slot's lease does."""
        return time.monotonic() - self.granted_at < SEND_WITHIN_S


@dataclass(slots=True)
class _Waiter:
    id: str
    tokens: int
    granted: asyncio.Future[Permit]

    @property
    def waits(self) -> bool:
        return not self.granted.done()


class CallLimits:
    """The slots of one process. One a process and model."""

    def __init__(
        self, redis: Redis, *, model: str, bounds: Bounds, wait_max_s: float = WAIT_MAX_S
    ) -> None:
        self._bounds = bounds
        self._wait_max_s = wait_max_s
        self._shared = SharedLimits(redis, model, bounds)
        self._local = LocalShare(bounds)
        self._is_redis_away = False
        # (rank, number, waiter), sorted: tuples, since they are compared often.
        self._waiting: list[tuple[int, int, _Waiter]] = []
        self._numbers = count()
        self._held: dict[str, float] = {}
        self._ended: list[str] = []
        self._untold: list[str] = []
        self._corrections: list[tuple[int, int]] = []
        self._pause_s = 0.0
        self._paused_until = 0.0
        self._jobs: dict[str, dict[UUID, list[int]]] = {}
        self._changed = asyncio.Event()
        self._dispatching: asyncio.Task[None] | None = None
        self._probing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def slot(self, user_id: str, job_id: UUID, *, tokens: int) -> AsyncGenerator[Permit]:
        """A slot for a call of about `tokens` tokens, given back at the end. Raises NoSlot."""
        if self._bounds.tokens_per_minute is not None:
            tokens = min(tokens, self._bounds.tokens_per_minute)
        rank = self._enter(user_id, job_id)
        try:
            permit = await self._wait(rank, tokens)
            try:
                yield permit
            finally:
                self._end(permit)
        finally:
            self._leave(user_id, job_id)

    def slow(self, wait_s: float) -> None:
        """A provider asked to wait: no process starts a call before that."""
        self._pause_s = max(self._pause_s, wait_s)
        self._wake()

    async def close(self) -> None:
        """Gives back what is held, if Redis is there."""
        for task in (self._dispatching, self._probing):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        if self._ended and not self._is_redis_away:
            await self._exchange(Ask([], 0, self._held, self._ended, self._corrections))

    async def _wait(self, rank: int, tokens: int) -> Permit:
        paused_s = self._paused_until - time.monotonic()
        if paused_s > self._wait_max_s:
            raise NoSlot(paused_s)
        future: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(uuid4().hex, tokens, future)
        insort(self._waiting, (rank, next(self._numbers), waiter))
        self._wake(is_news=len(self._waiting) == 1)
        try:
            async with asyncio.timeout(self._wait_max_s):
                return await asyncio.shield(future)
        except TimeoutError:
            self._withdraw(future)
            raise NoSlot(max(BUSY_RETRY_S, self._paused_until - time.monotonic())) from None
        except asyncio.CancelledError:
            self._withdraw(future)
            raise

    def _withdraw(self, future: asyncio.Future[Permit]) -> None:
        if future.done() and not future.cancelled():
            self._end(future.result())
        else:
            future.cancel()

    def _end(self, permit: Permit) -> None:
        if permit.pause_s:
            self.slow(permit.pause_s)
        if self._held.pop(permit.id, None) is None:
            return
        self._ended.append(permit.id)
        if permit.spent is not None and permit.second and permit.spent != permit.tokens:
            self._corrections.append((permit.second, permit.spent - permit.tokens))
        self._wake()

    def _wake(self, *, is_news: bool = True) -> None:
        if is_news:
            self._changed.set()
        if self._dispatching is None or self._dispatching.done():
            self._dispatching = asyncio.create_task(self._dispatch())

    async def _dispatch(self) -> None:
        """One exchange after another, as long as there is something to tell or to ask for."""
        while self._waiting or self._ended or self._corrections or self._pause_s:
            self._changed.clear()
            first = [waiter for _, _, waiter in self._waiting[:BATCH_MAX]]
            ask = Ask(
                [(one.id, one.tokens) for one in first],
                len(self._waiting),
                self._held,
                self._ended,
                self._corrections,
                self._pause_s,
            )
            self._ended, self._corrections, self._pause_s = [], [], 0.0
            answer = await self._exchange(ask)
            self._grant(first[: answer.granted], answer)
            self._waiting = [one for one in self._waiting if one[2].waits]
            if answer.granted < len(first) and not self._ended:
                await self._pause(answer.hint_s)

    async def _pause(self, hint_s: float) -> None:
        try:
            async with asyncio.timeout(min(max(hint_s, HINT_MIN_S), HINT_MAX_S)):
                await self._changed.wait()
        except TimeoutError:
            return

    def _grant(self, first: list[_Waiter], answer: Answer) -> None:
        now = time.monotonic()
        self._paused_until = now + answer.paused_s
        for waiter in first:
            self._held[waiter.id] = now + self._bounds.lease_s
            permit = Permit(waiter.id, waiter.tokens, now, answer.second)
            if waiter.granted.done():  # It gave up while Redis was asked.
                self._end(permit)
            else:
                waiter.granted.set_result(permit)

    async def _exchange(self, ask: Ask) -> Answer:
        if not self._is_redis_away:
            try:
                return await self._shared.exchange(ask)
            except (RedisError, OSError, TimeoutError) as error:
                reachability.redis.lost(error)
                log.warning("llm.limits_local")
                self._is_redis_away = True
                self._probing = supervised("llm limits probe", self._probe)
        self._untold += ask.ended
        return self._local.exchange(ask, processes=self._shared.processes)

    async def _probe(self) -> None:
        """Until Redis is back; then it is told what is held, and what is no more."""
        while True:
            await asyncio.sleep(PROBE_S)
            self._shared.forget()
            try:
                await self._shared.exchange(Ask([], 0, self._held, self._untold))
            except (RedisError, OSError, TimeoutError):
                continue
            self._untold, self._is_redis_away = [], False
            log.info("llm.limits_shared")
            return

    def _enter(self, user_id: str, job_id: UUID) -> int:
        """The rank of a job: how many others of the same user came before it."""
        jobs = self._jobs.setdefault(user_id, {})
        if job_id not in jobs:
            taken = {rank for rank, _ in jobs.values()}
            jobs[job_id] = [next(rank for rank in count() if rank not in taken), 0]
        jobs[job_id][1] += 1
        return jobs[job_id][0]

    def _leave(self, user_id: str, job_id: UUID) -> None:
        jobs = self._jobs[user_id]
        jobs[job_id][1] -= 1
        if not jobs[job_id][1]:
            del jobs[job_id]
        if not jobs:
            del self._jobs[user_id]
