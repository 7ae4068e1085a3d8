"""The guard of calls that belong to no job: limits as in production, no lease and no record."""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from time import monotonic
from uuid import UUID, uuid4

from app.generation.protocol import CallHistory
from app.llm.limits import CallLimits, Permit
from app.llm.protocol import Outgoing

_users = count(1)


@dataclass(slots=True)
class OpenGuard:
    """Of one insight of a user of its own."""

    limits: CallLimits | None = None
    job_id: UUID = field(default_factory=uuid4)
    history: CallHistory = field(default_factory=CallHistory)

    @property
    def mark(self) -> str:
        return sha256(self.job_id.bytes).hexdigest()[:24]

    def slot(self, *, tokens: int) -> AbstractAsyncContextManager[Permit]:
        if self.limits is None:
            return nullcontext(Permit("", tokens, monotonic(), 0))
        return self.limits.slot(f"user-{next(_users)}", self.job_id, tokens=tokens)

    def leaves_time(self, call_s: float) -> bool:
        """It ends when it likes."""
        return True

    async def confirm(self, permit: Permit) -> None:
        """There is no lease to confirm."""

    async def note(self, outgoing: Outgoing, shared: str) -> None:
        """There is nothing to write it down in."""
