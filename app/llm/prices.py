"""What a model's tokens cost."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from app.llm.protocol import Usage

_TABLE = Path(__file__).with_name("prices.toml")
_DATE = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens, which is micro-dollars for one."""

    input: float
    cached: float
    output: float

    def cost_microusd(self, usage: Usage) -> int:
        """What `usage` costs in millionths of a dollar, rounded to the nearest."""
        fresh = usage.tokens_in - usage.tokens_cached
        return round(
            fresh * self.input + usage.tokens_cached * self.cached + usage.tokens_out * self.output
        )


FREE = Price(0, 0, 0)
"""Of a model whose price is not known."""


def price_of(model: str) -> Price | None:
    """The price in `prices.toml`; None when the model is not in it."""
    name = model.rsplit("/", 1)[-1]
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    entry = table.get(name) or table.get(_DATE.sub("", name))
    return None if entry is None else Price(**entry)
