"""What writes an insight: a model behind a network, or the offline analysis."""

from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from app.catalog.categories import InsightSpec
from app.catalog.content import InsightContent, NothingToSay
from app.generation.context import InsightContext, Part
from app.llm.limits import Permit
from app.llm.prices import Price
from app.llm.protocol import Outgoing, Repair


@dataclass(frozen=True, slots=True)
class Draft:
    """A written insight, or that there is nothing to write, and what it cost, its failed calls in
    the same attempt included.

    A micro-dollar is a millionth of a US dollar. `tokens_cached` are part of `tokens_in`, and
    `wasted_microusd`, what the failed calls cost, of `cost_microusd`. `price` is None when it is
    not known or there is none.
    """

    content: InsightContent | NothingToSay
    model: str
    tokens_in: int
    tokens_out: int
    cost_microusd: int
    tokens_cached: int = 0
    wasted_microusd: int = 0
    price: Price | None = None

    @property
    def spent(self) -> "Spent":
        return Spent(
            self.tokens_in,
            self.tokens_out,
            self.cost_microusd,
            tokens_cached=self.tokens_cached,
            model=self.model,
            price=self.price,
        )


@dataclass(frozen=True, slots=True)
class Spent:
    """What the calls for one insight have cost in one attempt so far."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost_microusd: int = 0
    tokens_cached: int = 0
    model: str | None = None
    price: Price | None = None


NOTHING_SPENT = Spent()


class GenerationFailed(Exception):
    """An insight could not be written for a foreseeable reason; `code` is stable.

    `retry_after_s` is the wait the provider asked for, None if it named none. `is_final`: it
    would fail again, so the job ends and the coins come back. `gives_back`: no fault of the job,
    so the attempt ends and is not counted; another starts after `retry_after_s`. `was_sent`:
    whether a call was made. `spent` is what the calls for this insight in this attempt have cost.
    """

    def __init__(
        self,
        code: str,
        *,
        retry_after_s: float | None = None,
        is_final: bool = False,
        gives_back: bool = False,
        was_sent: bool = True,
        spent: Spent = NOTHING_SPENT,
    ) -> None:
        self.code = code
        self.retry_after_s = retry_after_s
        self.is_final = is_final
        self.gives_back = gives_back
        self.was_sent = was_sent
        self.spent = spent
        super().__init__(code)


@dataclass(slots=True)
class CallHistory:
    """What the calls for one insight in one attempt have come to so far; the generator keeps it."""

    spent: Spent = NOTHING_SPENT
    wasted_microusd: int = 0
    """What was spent before the latest call."""
    unanswered: int = 0
    """Calls without an answer since the last that had one."""
    answers_before: int = 0
    """How often the model had answered, over all insights, before the first of those."""
    repair: Repair | None = None
    """What the next call shows the model of its answer."""
    is_repaired: bool = False


class CallGuard(Protocol):
    """What stands around the calls for one insight in one attempt: up to three of them.

    A generator that sends something takes a slot, confirms that the job may still be worked
    on, and has what it sends written down, in this order. Each of the three may wait, and each
    raises what ends the call or the attempt; a generator lets that pass.
    """

    @property
    def job_id(self) -> UUID: ...

    @property
    def history(self) -> CallHistory: ...

    @property
    def mark(self) -> str:
        """Of the job's prompts: the same in every attempt, not to be guessed from the chat."""
        ...

    def slot(self, *, tokens: int) -> AbstractAsyncContextManager[Permit]:
        """A slot within the limits of all processes, for a call of about `tokens` tokens.

        Entering it waits, and raises NoSlot when that takes too long.
        """
        ...

    def leaves_time(self, call_s: float) -> bool:
        """Whether a call of `call_s` seconds that begins now ends within the attempt; also if it
        would in no attempt."""
        ...

    async def confirm(self, permit: Permit) -> None:
        """Returns if the job may still be worked on and `permit` is still good for a call."""
        ...

    async def note(self, outgoing: Outgoing, shared: str) -> None:
        """Writes down what is to be sent, and confirms again; awaited last.

        `shared` is the text in it that all calls of the attempt begin with.
        """
        ...


class Generator(Protocol):
    """Writes one insight from a prepared context. One a process."""

    @property
    def reads(self) -> Part:
        """The part of the context that it needs; it is given no other."""
        ...

    def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None, guard: CallGuard
    ) -> Awaitable[Draft]:
        """The insight in `language` (a BCP 47 tag; None: the chat's own), by one call.

        Raises GenerationFailed for expected failures, and what `guard` raises.
        """
        ...
