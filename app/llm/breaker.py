"""A circuit breaker: after repeated failure of a provider, calls wait instead of failing too."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import structlog

from app.llm.protocol import Rejection

FAILURES_MAX = 6
"""One after another, without a success between them: one job's calls of a dead provider."""
OPEN_FIRST_S = 5.0
OPEN_MAX_S = 60.0

log = structlog.get_logger()


class CircuitOpen(Exception):
    """The provider is taken for away; worth asking again after `retry_after_s`."""

    def __init__(self, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("the circuit is open")


class Passage:
    """The way of one call through the breaker."""

    def __init__(self, breaker: "Breaker", *, is_probe: bool) -> None:
        self._breaker = breaker
        self.is_probe = is_probe

    def check(self) -> None:
        """After a wait, before sending. Raises CircuitOpen when others failed meanwhile."""
        if not self.is_probe:
            self._breaker.check()

    def succeeded(self) -> None:
        """The provider answered, with success or refusal."""
        self._breaker.close()

    def failed(self, *, rejection: Rejection | None = None) -> None:
        """The provider is at fault; after a `rejection` no other call would fare better."""
        self._breaker.count_failure(rejection=rejection, is_probe=self.is_probe)


class Breaker:
    """Closed, open for a while, then open but for one probe. One a process and provider."""

    def __init__(
        self,
        *,
        failures_max: int = FAILURES_MAX,
        open_first_s: float = OPEN_FIRST_S,
        open_max_s: float = OPEN_MAX_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._failures_max = failures_max
        self._open_first_s = open_first_s
        self._open_max_s = open_max_s
        self._open_s = open_first_s
        self._failures = 0
        self._open_until = 0.0
        self._probe: asyncio.Future[None] | None = None
        self.rejection: Rejection | None = None
        """Why the circuit is open, if only a human can mend it."""

    @property
    def is_open(self) -> bool:
        """Whether calls are turned away or wait for a probe."""
        return self._failures >= self._failures_max

    @property
    def wait_s(self) -> float:
        """Seconds until a probe is let through; 0 when calls are."""
        return max(0.0, self._open_until - self._clock()) if self.is_open else 0.0

    def check(self) -> None:
        """Raises CircuitOpen."""
        if self.is_open:
            raise CircuitOpen(self.wait_s)

    @asynccontextmanager
    async def passage(self) -> AsyncGenerator[Passage]:
        """A way for one call; while a probe is under way it waits for that. Raises CircuitOpen."""
        while self.is_open:
            if self.wait_s:
                raise CircuitOpen(self.wait_s)
            if self._probe is None:
                async with self._probing() as passage:
                    yield passage
                return
            await asyncio.shield(self._probe)
        yield Passage(self, is_probe=False)

    @asynccontextmanager
    async def _probing(self) -> AsyncGenerator[Passage]:
        self._probe = probe = asyncio.get_running_loop().create_future()
        try:
            yield Passage(self, is_probe=True)
        finally:  # A probe that was cancelled decides nothing: another may go.
            self._probe = None
            probe.set_result(None)

    def close(self) -> None:
        """The provider answers."""
        if self.is_open:
            log.info("llm.circuit_closed")
        self._failures, self._open_until, self._open_s = 0, 0.0, self._open_first_s
        self.rejection = None

    def count_failure(self, *, rejection: Rejection | None, is_probe: bool) -> None:
        """One more failure; opens the circuit, after a probe for twice as long."""
        was_open = self.is_open
        self.rejection = rejection or self.rejection
        self._failures = self._failures_max if rejection else self._failures + 1
        if not self.is_open or (was_open and not is_probe):
            return
        self._open_until = self._clock() + self._open_s
        why = self.rejection
        log.warning(
            "llm.circuit_opened",
            open_s=self._open_s,
            **({"reason": why.reason, "status": why.status, "host": why.host} if why else {}),
        )
        self._open_s = min(2 * self._open_s, self._open_max_s)
