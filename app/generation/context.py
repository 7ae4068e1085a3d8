"""What the six insights of an unlock are written from: prepared once a chat, opened by each job."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, cached_property

import orjson
from pydantic import TypeAdapter

from app.catalog.categories import CATEGORIES
from app.catalog.content import InsightContent, Metric, NothingToSay

_FORM = 7
"""Of what is prepared and of what is left out of it: the rules of redaction, retrieval and fit
count."""
VERSION = ".".join(map(str, (_FORM, *(one.prompt_version for one in CATEGORIES.values()))))
"""A chat prepared in another version, of the form or of the catalog, is prepared anew."""


class Part(StrEnum):
    """What is prepared of a chat for each category, each a JSON object stored by itself."""

    INSIGHTS = "insights"
    """Those that the offline analysis writes, by their keys; or why it has nothing to say."""
    DISCLOSURE = "disclosure"
    """What a model may be shown."""


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What may leave the process for a model: redacted, and everything needed to read its answer.

    `numbers`, `heads` and `texts` have an entry for each message shown: its number, the beginning
    of its line (`#number day minute alias: `), and what it says on one line.
    """

    preface: list[str]
    """Lines: who writes, and what was measured over the whole chat."""
    numbers: list[int]
    heads: list[str]
    texts: list[str]
    originals: dict[str, str]
    """What the aliases and placeholders stand for: never sent."""
    metrics: dict[str, dict[str, Metric]]
    """What was measured, for each insight: never a model's to say."""


@dataclass(frozen=True, eq=False)
class InsightContext:
    """The prepared parts of one category of one chat, for one job; only what is used is read."""

    message_count: int
    parts: Mapping[Part, bytes]

    @cached_property
    def insights(self) -> dict[str, InsightContent | NothingToSay]:
        """Raises pydantic's ValidationError on what `encoded_insights` did not write."""
        return _insights().validate_json(self.parts[Part.INSIGHTS])

    def disclosure(self) -> Disclosure:
        """Read anew each time: it takes several times the room of what it is read from.

        Raises ValueError or TypeError on what `encoded_disclosure` did not write.
        """
        return Disclosure(**orjson.loads(self.parts[Part.DISCLOSURE]))


def encoded_insights(insights: Mapping[str, InsightContent | NothingToSay]) -> bytes:
    """JSON, from which `InsightContext.insights` makes equal ones."""
    return _insights().dump_json(dict(insights))


def encoded_disclosure(disclosure: Disclosure) -> bytes:
    """JSON, from which `InsightContext.disclosure` makes an equal one."""
    return orjson.dumps(disclosure)


@cache
def _insights() -> TypeAdapter[dict[str, InsightContent | NothingToSay]]:
    return TypeAdapter(dict[str, InsightContent | NothingToSay])
