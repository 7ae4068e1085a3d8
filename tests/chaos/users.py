"""Users: they upload, unlock, cancel, delete, top up and look, all at the same time."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.chaos.client import Client
from tests.chaos.history import Operation, Outcome
from tests.chaos.plan import Options

PRICES = {"friendship": 50, "family": 50, "romance": 100, "work": 100}
LINES = (
    "shall we meet on Friday?",
    "yes, at seven, I will bring the bread",
    "sorry, I was late again, work was too much",
    "no worries, thank you for calling my mother",
    "haha you and your blue umbrella 😂",
    "I miss you, come home soon",
    "the deadline is tomorrow, who writes the report?",
    "I can do it, but I am tired",
)
CHATS_MAX = 6
"""Chats a user keeps; then the oldest goes."""
BURST, BURST_SHARE = 6, 0.05
"""Some unlocks are sent so often at once, with one key: one effect, one answer."""
AIMED_SHARE, AIMED_S, AIM_MAX_S = 0.5, 0.08, 15.0
"""So many of the cancellations aim at the moment of settlement: within so many seconds after
the sixth insight was answered, which is waited for so long."""
WATCH_S = 1.0
WATCHED_SHARE, WANTED_AGAIN_SHARE = 0.2, 0.6

# What a user does next, and how often.
UNLOCK, READ, GRANT, DELETE, REPLAY, REUSE = 0.70, 0.12, 0.05, 0.03, 0.06, 0.04


@dataclass
class User:
    name: str
    drawn: random.Random
    chats: list[str] = field(default_factory=list)
    wanted: list[tuple[str, str]] = field(default_factory=list)
    """(chat, category) not asked for yet, or that ended without a charge."""
    unlocked: list[Operation] = field(default_factory=list)
    keys: int = 0

    def next_key(self, what: str) -> str:
        self.keys += 1
        return f"{what}-{self.name}-{self.keys}"


class Users:
    """All users of a campaign; each one acts on its own."""

    def __init__(
        self, client: Client, options: Options, written: Callable[[str], asyncio.Event]
    ) -> None:
        """`written` of a job is set when its last insight is answered."""
        self._client = client
        self._written = written
        self._cancelled_share = options.cancelled_share
        self._pause_s = options.users * UNLOCK / options.unlocks_per_s
        self._users = [
            User(f"user{number}", random.Random(f"user:{options.seed}:{number}"))
            for number in range(options.users)
        ]
        self._asides: set[asyncio.Task[None]] = set()
        self.is_over = asyncio.Event()

    async def run(self) -> None:
        """Until `is_over`; then what is under way is asked for to its end."""
        await asyncio.gather(*(self._live(user) for user in self._users))
        while self._asides:
            await asyncio.gather(*self._asides)

    async def _live(self, user: User) -> None:
        await self._rest(user)
        while not self.is_over.is_set():
            await self._act(user)
            await self._rest(user)

    async def _rest(self, user: User) -> None:
        try:
            async with asyncio.timeout(user.drawn.expovariate(1 / self._pause_s)):
                await self.is_over.wait()
        except TimeoutError:
            return

    async def _act(self, user: User) -> None:
        chance = user.drawn.random()
        if (chance := chance - UNLOCK) < 0 or not user.unlocked:
            await self._unlock(user)
        elif (chance := chance - READ) < 0:
            await self._client.read(user.name)
        elif (chance := chance - GRANT) < 0:
            await self._grant(user)
        elif (chance := chance - DELETE) < 0:
            await self._delete(user)
        elif (chance := chance - REPLAY) < 0:
            await self._client.repeat_unlock(user.drawn.choice(user.unlocked))
        else:
            await self._reuse(user)

    async def _unlock(self, user: User) -> None:
        if not user.wanted:
            await self._upload(user)
        if not user.wanted:
            return
        chat, category = user.wanted.pop(user.drawn.randrange(len(user.wanted)))
        key = user.next_key("key")
        at_once = BURST if user.drawn.random() < BURST_SHARE else 1
        operation = await self._client.unlock(user.name, key, chat, category, at_once=at_once)
        if operation.reply and operation.reply.get("code") == "insufficient_coins":
            await self._grant(user)  # A refusal is not stored: the same key goes through now.
            await self._client.repeat_unlock(operation)
        if operation.outcome is Outcome.OK:
            user.unlocked.append(operation)
            self._aside(self._follow(user, operation))

    async def _follow(self, user: User, unlocked: Operation) -> None:
        """Watches the job to its end, or cancels it on the way."""
        job = (unlocked.reply or {})["job_id"]
        is_cancelled = user.drawn.random() < self._cancelled_share
        if is_cancelled:
            await self._wait_to_cancel(user, job)
            await self._client.cancel(user.name, job)
        elif user.drawn.random() < WATCHED_SHARE:
            await self._watch(user, job)
        if is_cancelled and user.drawn.random() < WANTED_AGAIN_SHARE:
            user.wanted.append((unlocked.asked["chat"], unlocked.asked["category"]))

    async def _wait_to_cancel(self, user: User, job: str) -> None:
        if user.drawn.random() < AIMED_SHARE:
            with suppress(TimeoutError):
                async with asyncio.timeout(AIM_MAX_S):
                    await self._written(job).wait()
            await asyncio.sleep(user.drawn.uniform(0, AIMED_S))
        else:
            await asyncio.sleep(user.drawn.uniform(0, 2))

    async def _watch(self, user: User, job: str) -> None:
        while not self.is_over.is_set():
            seen = await self._client.watch(user.name, job)
            if seen.reply is None or seen.reply.get("finished_at") is not None:
                return
            await asyncio.sleep(WATCH_S)

    async def _grant(self, user: User) -> None:
        coins = user.drawn.choice((100, 200, 300))
        await self._client.grant(user.name, user.next_key("ref"), coins)

    async def _delete(self, user: User) -> None:
        if user.chats:
            chat = user.chats.pop(user.drawn.randrange(len(user.chats)))
            user.wanted = [one for one in user.wanted if one[0] != chat]
            await self._client.delete(user.name, chat)

    async def _reuse(self, user: User) -> None:
        """An old key for another category: refused, whatever became of the first."""
        old = user.drawn.choice(user.unlocked)
        other = user.drawn.choice([one for one in PRICES if one != old.asked["category"]])
        await self._client.reuse(user.name, old.key, old.asked["chat"], other)

    async def _upload(self, user: User) -> None:
        if len(user.chats) >= CHATS_MAX:
            user.chats.pop(0)
        operation = await self._client.upload(user.name, user.next_key("chat"), _export(user))
        if operation.outcome is Outcome.OK and operation.reply is not None:
            chat = operation.reply["id"]
            user.chats.append(chat)
            user.wanted += [(chat, category) for category in PRICES]

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)


def _export(user: User) -> bytes:
    at = datetime(2024, 3, 4, 18, 0) + timedelta(days=user.drawn.randrange(300))  # noqa: DTZ001
    lines: list[str] = []
    for _ in range(user.drawn.randint(80, 120)):
        at += timedelta(minutes=user.drawn.randint(1, 400))
        author = user.drawn.choice(("Maya", "Jonas"))
        lines.append(f"{at:%d/%m/%Y, %H:%M} - {author}: {user.drawn.choice(LINES)}")
    return "\n".join(lines).encode()
