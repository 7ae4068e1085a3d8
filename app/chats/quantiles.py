"""The one definition of a median, for statistics and for insights, so that their figures agree."""

from collections.abc import Sequence
from math import ceil
from typing import TypeVar

Number = TypeVar("Number", int, float)


def quantile(ascending: Sequence[Number], share: float) -> Number | None:
    """The nearest rank: a value that occurs, never one between two; None of nothing."""
    return ascending[max(0, ceil(share * len(ascending)) - 1)] if ascending else None


def median(values: Sequence[Number]) -> Number | None:
    """The middle one of the values, the lower of two; None of nothing."""
    return quantile(sorted(values), 0.5)
