"""A provider that rejects every call: reported while it lasts, and asked again by itself."""

import asyncio

import structlog
from pydantic import BaseModel

from app.llm.breaker import Breaker, CircuitOpen
from app.llm.protocol import LLM, LLMFailed, Prompt, Rejection
from app.llm.rejections import Rejections, Standing, began_now

PROBE_MIN_S = 1.0

log = structlog.get_logger()


class _Pong(BaseModel):
    answer: str


_PING = Prompt("You answer in JSON, briefly.", "A connection is checked.", 'Say "ready".')


class RejectedProvider:
    """What a worker does about it. Without sales no job would find out that it is over."""

    def __init__(self, llm: LLM, breaker: Breaker, rejections: Rejections | None) -> None:
        self._llm = llm
        self._breaker = breaker
        self._rejections = rejections
        self._probing: asyncio.Task[None] | None = None
        self.standing: Standing | None = None
        """The rejection as long as it lasts."""

    @property
    def left_s(self) -> float:
        """For how long jobs still wait; 0 when none stands."""
        return self.standing.left_s if self.standing else 0.0

    async def report(self, rejection: Rejection) -> None:
        """A call was rejected."""
        if self._rejections is None:
            self.standing = self.standing or began_now(rejection)
        else:
            self.standing = await self._rejections.report(rejection)
        if self._probing is None:
            self._probing = asyncio.create_task(self._probe())

    async def accept(self) -> None:
        """A call was answered."""
        if self.standing is None:
            return
        self.standing = None
        if self._rejections is not None:
            await self._rejections.clear()

    async def close(self) -> None:
        """Ends its probes."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.wait({self._probing})

    async def _probe(self) -> None:
        while self.standing is not None:
            await asyncio.sleep(max(self._breaker.wait_s, PROBE_MIN_S))
            try:
                async with self._breaker.passage() as passage:
                    try:
                        await self._llm.complete(_PING, _Pong)
                    except LLMFailed as failure:
                        if failure.is_outage:
                            passage.failed(rejection=failure.rejection)
                            await self.report(failure.rejection or self.standing.rejection)
                            continue
                    passage.succeeded()
                    await self.accept()
            except CircuitOpen:
                continue
            except Exception:
                log.exception("llm.probe_failed")
        self._probing = None
