"""What to say when an insight finds none of the words it looks for."""

from collections.abc import Callable, Sequence

from app.insights.content import InsightContent
from app.insights.findings import activity
from app.insights.findings.sketch import Sketch

UNREAD_HEADLINE = "These words cannot be read without a model"
UNREAD_SUMMARY = (
    "Below stands what can be measured without words: who writes, when, and how soon they answer."
)


def none_found(
    sketch: Sketch, headline: str, summary: str, *, instead: Sequence[Callable[[Sketch], None]]
) -> InsightContent:
    """An honest insight without its subject: it says so, and tells what comes nearest to it.

    `instead` write claims that need no word lists. In a language without word lists it does not
    claim that nothing was there.
    """
    sketch.is_lexical = sketch.can_read
    for write in instead if len(sketch.people) > 1 else (activity.hours, activity.busiest):
        write(sketch)
    sketch.observations = 0
    if sketch.can_read:
        sketch.observations = sketch.facts.messages // 40
    else:
        headline, summary = UNREAD_HEADLINE, UNREAD_SUMMARY
    return sketch.content(headline, summary)
