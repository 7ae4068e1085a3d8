"""What Sixfold sells: categories of six insights, written in the files of `categories/`.

Those files hold prices, titles, retrieval queries, prompts and the metrics of each result, to be
read and edited without programming. A change of a prompt, query or signal raises the file's
`prompt_version`: finished insights are reused only within one version.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.errors import DomainError

INSIGHTS_PER_CATEGORY = 6
_FOLDER = Path(__file__).with_name("categories")
_ORDER = ("friendship", "family", "romance", "work")


class UnknownCategory(DomainError):
    """There is no category with this key."""

    code, http_status = "unknown_category", 404


@dataclass(frozen=True, slots=True)
class InsightSpec:
    """One of the six insights: `ord` is its place, 1 to 6.

    `queries` find passages in English, `signals` name word lists (`lexicon/`) that do so in the
    languages of the chat; `metrics` are (name, meaning) of what the result must hold.
    """

    key: str
    title: str
    description: str
    ord: int
    queries: tuple[str, ...]
    prompt: str
    signals: tuple[str, ...]
    metrics: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Category:
    """What one unlock buys."""

    key: str
    title: str
    price_coins: int
    prompt_version: int
    insights: tuple[InsightSpec, ...]


def _read(key: str) -> Category:
    content = tomllib.loads((_FOLDER / f"{key}.toml").read_text(encoding="utf-8"))
    insights = tuple(_spec(ord_, entry) for ord_, entry in enumerate(content["insights"], start=1))
    if len({spec.key for spec in insights}) != INSIGHTS_PER_CATEGORY:
        raise RuntimeError(f"category {key} does not hold six different insights")
    return Category(
        key=key,
        title=content["title"],
        price_coins=content["price_coins"],
        prompt_version=content["prompt_version"],
        insights=insights,
    )


def _spec(ord_: int, entry: Mapping[str, Any]) -> InsightSpec:
    return InsightSpec(
        key=entry["key"],
        title=entry["title"],
        description=entry["description"],
        ord=ord_,
        queries=tuple(entry["queries"]),
        prompt=entry["prompt"].strip(),
        signals=tuple(entry["signals"]),
        metrics=tuple(entry["metrics"].items()),
    )


CATEGORIES: Mapping[str, Category] = MappingProxyType({key: _read(key) for key in _ORDER})
