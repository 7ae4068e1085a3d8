"""What writes an insight: a model behind a network, or the offline analysis."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable
from uuid import UUID

from app.catalog.categories import InsightSpec
from app.catalog.content import InsightContent
from app.generation.context import InsightContext
from app.llm.prices import Price
from app.llm.protocol import Outgoing


@dataclass(frozen=True, slots=True)
class Draft:
    """A written insight and what it cost, its failed calls in the same attempt included.

    A micro-dollar is a millionth of a US dollar. `tokens_cached` are part of `tokens_in`, and
    `wasted_microusd`, what the failed calls cost, of `cost_microusd`. `price` is None when it is
    not known or there is none.
    """

    content: InsightContent
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


class Generator(Protocol):
    """Writes one insight from a prepared context."""

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None
    ) -> Draft:
        """The insight in `language` (a BCP 47 tag; None: the chat's own).

        Raises GenerationFailed for expected failures.
        """
        ...


NoteSent = Callable[[Outgoing, str], Awaitable[None]]
"""Gets what is to be sent, and the text in it that all calls of the attempt begin with."""


@dataclass(frozen=True, slots=True)
class Turn:
    """For whom an insight is written, within one attempt.

    `confirm` returns if the job may still be worked on, and raises otherwise: to be awaited
    after a wait for a place, just before anything is sent. So does `note`, which writes down
    what is sent, and is awaited last.
    """

    user_id: str
    job_id: UUID
    confirm: Callable[[], Awaitable[None]]
    note: NoteSent


@runtime_checkable
class TurnTaking(Protocol):
    """A generator whose calls wait for a place, and learn from the call before."""

    def begin(self, turn: Turn) -> Generator:
        """What writes one insight within one attempt: up to three calls of `write`."""
        ...
