"""Whether a chat can carry a category: the one rule, for what is offered, sold and written.

Measured on chats of 3 to 100,000 messages with the offline analysis, which has the least to go by
(`tests/generation/test_fit.py`). Below 60 messages with words the median insight is a guess, and
of 24 up to nine find nothing; from 500 on, over ten days, all have findings but those that the talk
has no matter for. Between them more may turn out empty; those are not charged.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from app.catalog.categories import CATEGORIES


class Fit(StrEnum):
    GOOD = "good"
    THIN = "thin"
    """It is sold; some of the six may be empty."""
    NONE = "none"
    """It is not sold: there is not enough to say anything."""


@dataclass(frozen=True, slots=True)
class Measures:
    """What a chat holds: messages with words, people with several of them, days with one. What
    was not counted yet is None, and taken for enough."""

    worded: int
    voices: int | None
    days: int | None


@dataclass(frozen=True, slots=True)
class Needs:
    """The least of each that a category needs."""

    worded: int
    voices: int
    days: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is missing: a stable code, and a sentence that is shown."""

    code: str
    text: str


_TWO = Needs(worded=60, voices=2, days=1)
LEAST: Mapping[str, Needs] = MappingProxyType(
    {"friendship": _TWO, "family": _TWO, "romance": _TWO, "work": Needs(60, voices=1, days=1)}
)
"""Less than this is `none`. Work can be read off what one person writes, a relationship cannot."""
ENOUGH = Needs(worded=500, voices=2, days=10)
"""Less than this is `thin`: halves of a chat are compared from ten days on."""

if LEAST.keys() != CATEGORIES.keys():
    raise RuntimeError("a category is sold for which no minimum is stated")


def fit_of(category: str, chat: Measures) -> tuple[Fit, Shortage | None]:
    """Whether the chat can carry a category of the catalog; and if not well, what is missing."""
    if short := _shortage(chat, LEAST[category]):
        return Fit.NONE, short
    if short := _shortage(chat, ENOUGH):
        return Fit.THIN, short
    return Fit.GOOD, None


def _shortage(chat: Measures, needs: Needs) -> Shortage | None:
    if chat.worded < needs.worded:
        return Shortage(
            "too_few_messages",
            f"The chat has {_counted(chat.worded, 'message')} with words; "
            f"{needs.worded} are needed {_for_what(needs)}.",
        )
    if chat.voices is not None and chat.voices < needs.voices:
        return Shortage(
            "too_few_people",
            f"{'No one' if chat.voices < 1 else 'Only one person'} wrote several messages with"
            f" words; {needs.voices} people are needed {_for_what(needs)}.",
        )
    if chat.days is not None and chat.days < needs.days:
        return Shortage(
            "too_few_days",
            f"The chat has messages of {_counted(chat.days, 'day')}; "
            f"{needs.days} are needed {_for_what(needs)}.",
        )
    return None


def _for_what(needs: Needs) -> str:
    return "for six full insights" if needs is ENOUGH else "for any insight"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count:,} {what}s"
