"""The limits as all processes share them in Redis, and this process's share of them without."""

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
from redis.asyncio import Redis

from app.redis import PREFIX

PROCESSES_ASSUMED = 4
"""Of a process that has never reached Redis."""
WINDOW_S = 62.0
_SCRIPT = Path(__file__).with_name("exchange.lua").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What all processes together may do with one model; None is no limit.

    A slot is held for `lease_s` at most, longer than any call can last.
    """

    concurrency: int
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    lease_s: float = 60.0


@dataclass(slots=True)
class Ask:
    """What a process tells and wants: `calls` are (id, tokens) in the order they may start."""

    calls: list[tuple[str, int]]
    waiting: int
    held: dict[str, float]
    """Ids of slots and when, on the monotonic clock, their lease ends."""
    ended: list[str] = field(default_factory=list[str])
    corrections: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How many of the calls may start now; for the others, when to ask again."""

    granted: int
    hint_s: float
    paused_s: float
    second: int


class SharedLimits:
    """One script in Redis decides; a killed process's slots end with their leases."""

    def __init__(self, redis: Redis, model: str, bounds: Bounds) -> None:
        self._bounds = bounds
        self._process = uuid4().hex
        self._epoch = ""
        self.processes = PROCESSES_ASSUMED
        self._script = redis.register_script(_SCRIPT)
        prefix = f"{PREFIX}llm:{{{model}}}"
        self._keys = [
            f"{prefix}:{name}" for name in ("places", "spent", "state", "seen", "waiting")
        ]

    async def exchange(self, ask: Ask) -> Answer:
        """One round trip; a second one where Redis does not know this process yet.

        Raises RedisError, OSError or TimeoutError, and then nothing is known to have happened.
        """
        told = await self._run(ask, held={})
        if told["epoch"] != self._epoch:
            self._epoch = told["epoch"]
            told = await self._run(ask, held=ask.held)
        self.processes = max(1, int(told["processes"]))
        return Answer(
            int(told["granted"]),
            float(told["hint"]) / 1000,
            float(told["paused"]) / 1000,
            int(told["second"]),
        )

    def forget(self) -> None:
        """After a time without Redis: what is held is told again first."""
        self._epoch = ""

    async def _run(self, ask: Ask, *, held: dict[str, float]) -> dict[str, Any]:
        now, bounds = time.monotonic(), self._bounds
        request = {
            "process": self._process,
            "nonce": self._process,
            "epoch": self._epoch,
            "calls": ask.calls,
            "waiting": ask.waiting,
            "own": len(ask.held),
            "held": [(slot, round((end - now) * 1000)) for slot, end in held.items()],
            "ended": ask.ended,
            "corrections": ask.corrections,
            "pause_ms": round(ask.pause_s * 1000),
            "concurrency": bounds.concurrency,
            "lease_ms": round(bounds.lease_s * 1000),
        }
        if bounds.requests_per_minute is not None:
            request["requests"] = bounds.requests_per_minute
        if bounds.tokens_per_minute is not None:
            request["tokens"] = bounds.tokens_per_minute
        told: Any = await self._script(keys=self._keys, args=[orjson.dumps(request)])
        return orjson.loads(told)


class LocalShare:
    """An equal share of the limits for this process, as long as Redis is away."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._started: deque[tuple[float, int]] = deque()
        self._paused_until = 0.0

    def exchange(self, ask: Ask, *, processes: int) -> Answer:
        """As `SharedLimits.exchange`, for one of `processes` processes."""
        now = time.monotonic()
        if ask.pause_s:
            self._paused_until = max(self._paused_until, now + ask.pause_s)
        paused_s = max(0.0, self._paused_until - now)
        while self._started and self._started[0][0] < now - WINDOW_S:
            self._started.popleft()
        granted, hint_s = 0, 0.0
        for _, tokens in ask.calls:
            hint_s = paused_s or self._wait_s(len(ask.held) + granted, tokens, processes, now)
            if hint_s:
                break
            self._started.append((now, tokens))
            granted += 1
        return Answer(granted, hint_s, paused_s, 0)

    def _wait_s(self, own: int, tokens: int, processes: int, now: float) -> float:
        """0 when a call may start."""
        bounds = self._bounds
        if own >= max(1, bounds.concurrency // processes):
            return 1.0  # Only an end of one of ours makes room, and that asks again at once.
        spent = sum(each for _, each in self._started)
        is_full = (
            bounds.requests_per_minute is not None
            and len(self._started) >= max(1, bounds.requests_per_minute // processes)
        ) or (
            bounds.tokens_per_minute is not None
            and spent > 0
            and spent + tokens > bounds.tokens_per_minute // processes
        )
        return max(0.05, self._started[0][0] + WINDOW_S - now) if is_full else 0.0
