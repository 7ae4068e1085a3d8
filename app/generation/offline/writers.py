"""Who writes which insight offline: one function of a story for each of the catalog's.

One that finds nothing returns None: then the insight is empty.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.catalog.content import NOTHING_FOUND, InsightContent, Metric, NothingToSay
from app.generation.offline.claims import family, friendship, romance, work
from app.generation.offline.claims.story import Story
from app.generation.offline.language import Language
from app.generation.offline.measures.facts import Facts

_ALL = (
    friendship.who_reaches_out,
    friendship.listening,
    friendship.warmth_and_humour,
    friendship.rough_patches,
    friendship.plans_and_promises,
    friendship.chapters,
    family.who_holds_it_together,
    family.care,
    family.logistics,
    family.shared_moments,
    family.worries,
    family.who_is_heard,
    romance.affection,
    romance.balance,
    romance.tension_and_repair,
    romance.rituals,
    romance.plans_together,
    romance.what_changes,
    work.decisions,
    work.action_items,
    work.blockers,
    work.workload,
    work.response_flow,
    work.themes,
)
Writer = Callable[[Story], InsightContent | None]
WRITERS: dict[tuple[str, str], Writer] = {
    (writer.__module__.rpartition(".")[2], writer.__name__): writer for writer in _ALL
}
"""By the keys of category and insight."""


@dataclass(frozen=True, slots=True)
class Written:
    """An insight, or why it is empty; its metrics are there even then."""

    metrics: Mapping[str, Metric]
    content: InsightContent | NothingToSay


def write(category: str, key: str, facts: Facts, language: Language) -> Written:
    """The insight of a chat in a language."""
    story = Story(facts, language)
    content = WRITERS[category, key](story)
    return Written(story.metrics, content or NOTHING_FOUND)


def language_of(facts: Facts) -> Language:
    """That of most of the chat, if there is a catalog for it; English otherwise."""
    return Language(next(iter(facts.languages), ""))
