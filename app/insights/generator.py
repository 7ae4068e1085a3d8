"""What writes an insight: a model behind a network, or the offline analysis."""

from dataclasses import dataclass
from typing import Protocol

from app.insights.catalog import InsightSpec
from app.insights.content import InsightContent
from app.insights.context import InsightContext


@dataclass(frozen=True, slots=True)
class Draft:
    """A written insight and what it cost; a micro-dollar is a millionth of a US dollar."""

    content: InsightContent
    model: str
    tokens_in: int
    tokens_out: int
    cost_microusd: int


class GenerationFailed(Exception):
    """An insight could not be written for a foreseeable reason; `code` is stable.

    `retry_after_s` is the wait the provider asked for, None if it named none.
    """

    def __init__(self, code: str, *, retry_after_s: float | None = None) -> None:
        self.code = code
        self.retry_after_s = retry_after_s
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
