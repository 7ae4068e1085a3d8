"""What to say when an insight finds none of the words it looks for."""

from app.insights.content import InsightContent
from app.insights.findings import activity, rhythm
from app.insights.findings.sketch import Sketch

UNREAD_HEADLINE = "These words cannot be read without a model"
UNREAD_SUMMARY = (
    "Below stands what can be measured without words: who writes, when, and how soon they answer."
)


def none_found(sketch: Sketch, headline: str, summary: str) -> InsightContent:
    """An honest insight without its subject: it says so and shows the rhythm of the chat instead.

    In a language without word lists it does not claim that nothing was there.
    """
    if not sketch.can_read:
        headline, summary = UNREAD_HEADLINE, UNREAD_SUMMARY
    sketch.is_lexical = True
    activity.shares(sketch)
    activity.busiest(sketch)
    rhythm.pace(sketch)
    activity.streak(sketch)
    sketch.observations = sketch.facts.messages // 40 if sketch.can_read else 0
    return sketch.content(headline, summary)
