"""What stands around the calls for one insight: a slot, the lease, the record of what is sent."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from app.crypto import ChatKey
from app.generation.protocol import CallHistory
from app.jobs.attempt import Attempt, LeaseLost
from app.jobs.job_writer import JobWriter
from app.jobs.prompt_log import seal_call
from app.llm.limits import CallLimits, NoSlot, Permit
from app.llm.protocol import Outgoing

log = structlog.get_logger()


@dataclass(slots=True)
class JobCallGuard:
    """The guard of one insight in one attempt at a job. Its methods raise LeaseLost."""

    attempt: Attempt
    ord: int
    _key: ChatKey = field(repr=False)
    _writer: JobWriter
    _limits: CallLimits | None
    """None for a generator that asks no provider: then there is a slot for every call."""
    history: CallHistory = field(default_factory=CallHistory)
    _permit: Permit | None = None
    _noted: int = 0

    @property
    def job_id(self) -> UUID:
        return self.attempt.claim.job_id

    @property
    def mark(self) -> str:
        return self._key.mark(self.job_id.bytes)

    def slot(self, *, tokens: int) -> AbstractAsyncContextManager[Permit]:
        """A slot for a call. Entering it raises NoSlot when that takes too long.

        The limits' own context manager, not one around it: thousands wait in it at a time.
        """
        claim = self.attempt.claim
        if self._limits is None:
            return nullcontext(Permit("", tokens, time.monotonic(), 0))
        return self._limits.slot(claim.user_id, claim.job_id, tokens=tokens)

    def leaves_time(self, call_s: float) -> bool:
        """Whether a call of `call_s` seconds that begins now ends within the attempt; also if it
        would in no attempt."""
        return self.attempt.remaining_s >= call_s or not self.attempt.could_hold(call_s)

    async def confirm(self, permit: Permit | None = None) -> None:
        """The lease is this attempt's just now, by the database's word.

        Raises NoSlot when `permit` has waited too long for its call meanwhile.
        """
        attempt = self.attempt
        while not attempt.is_granted:
            if attempt.confirming is not None:  # By another of the six.
                await asyncio.shield(attempt.confirming)
                continue
            attempt.confirming = asked = asyncio.get_running_loop().create_future()
            try:
                await self._writer.renew(attempt)
            finally:  # If it was cancelled, another may ask.
                attempt.confirming = None
                asked.set_result(None)
        self._permit = permit
        self._check()

    async def note(self, outgoing: Outgoing, shared: str) -> None:
        """Writes the call down. Raises LeaseLost when its chat was deleted meanwhile, too."""
        self._noted += 1
        call = seal_call(self.attempt, self._key, outgoing, shared, ord_=self.ord, call=self._noted)
        try:
            await self._writer.note(self.attempt, call)
        except LeaseLost:
            raise
        except Exception:
            # Refused by the database though it is there: the user has paid for six insights.
            self.attempt.noted_shared = None
            log.exception("sent.refused", job_id=str(self.job_id))
            return
        self._check()

    def _check(self) -> None:
        if self.attempt.is_lease_over:
            raise LeaseLost
        if self._permit is not None and not self._permit.is_fresh:
            raise NoSlot(0.0)
