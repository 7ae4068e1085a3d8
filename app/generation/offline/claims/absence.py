"""What to say when an insight finds none of the words it looks for."""

from collections.abc import Callable, Sequence

from app.catalog.content import InsightContent
from app.generation.offline.claims import activity
from app.generation.offline.claims.insight_builder import InsightBuilder

UNREAD_HEADLINE = "These words cannot be read without a model"
UNREAD_SUMMARY = (
    "Below stands what can be measured without words: who writes, when, and how soon they answer."
)


def none_found(
    builder: InsightBuilder,
    headline: str,
    summary: str,
    *,
    instead: Sequence[Callable[[InsightBuilder], None]],
) -> InsightContent:
    """An honest insight without its subject: it says so, and tells what comes nearest to it.

    `instead` write claims that need no word lists. In a language without word lists it does not
    claim that nothing was there.
    """
    builder.is_lexical = builder.can_read
    for write in instead if len(builder.people) > 1 else (activity.hours, activity.busiest):
        write(builder)
    builder.observations = 0
    if builder.can_read:
        builder.observations = builder.facts.messages // 40
    else:
        headline, summary = UNREAD_HEADLINE, UNREAD_SUMMARY
    return builder.content(headline, summary)
