"""Choosing the few messages that stand for many."""

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def spread_over(items: Sequence[Item], count: int) -> tuple[Item, ...]:
    """At most `count` items at even distances, the first and the last among them."""
    if len(items) <= count:
        return tuple(items)
    if count == 1:
        return (items[len(items) // 2],)
    step = (len(items) - 1) / (count - 1)
    return tuple(items[round(place * step)] for place in range(count))
