"""What a model's tokens cost."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from app.llm.protocol import Usage

_TABLE = Path(__file__).with_name("prices.toml")
_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, which is micro-dollars for one."""

    input: float
    cached: float
    output: float

    @property
    def snapshot(self) -> tuple[int, int, int]:
        """Input, cached, output in whole micro-dollars for a million tokens, as a bill keeps them.

        Integers, so that a cost can be checked from its bill to the last digit.
        """
        told = (self.input, self.cached, self.output)
        fresh, cached, output = (round(dollars * MILLION) for dollars in told)
        return fresh, cached, output

    def cost_microusd(self, usage: Usage) -> int:
        """What `usage` costs in millionths of a dollar, rounded to the nearest."""
        fresh, cached, output = self.snapshot
        exact = (
            (usage.tokens_in - usage.tokens_cached) * fresh
            + usage.tokens_cached * cached
            + usage.tokens_out * output
        )
        return (exact + MILLION // 2) // MILLION


FREE = Price(0, 0, 0)
"""Of a model whose price is not known."""


def price_of(model: str) -> Price | None:
    """The price in `prices.toml`; None when the model is not in it."""
    name = model.rsplit("/", 1)[-1]
    models = tomllib.loads(_TABLE.read_text(encoding="utf-8"))["models"]
    entry = models.get(name) or models.get(_DATE.sub("", name))
    return None if entry is None else Price(**entry)
