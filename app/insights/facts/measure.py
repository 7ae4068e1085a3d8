"""Everything that is measured over a whole chat."""

from dataclasses import dataclass

from app.insights.facts.activity import Activity, Person, measure_activity, measure_people
from app.insights.facts.chapters import Chapters, measure_chapters
from app.insights.facts.questions import Questions, measure_questions
from app.insights.facts.rhythm import Rhythm, measure_rhythm
from app.insights.facts.signals import Signal, measure_signals
from app.insights.facts.talk import Talk
from app.insights.facts.tension import Tension, measure_tension
from app.insights.facts.threads import Threads, measure_threads


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of the whole chat; people are named by their place in `people`.

    `languages` are those whose word lists were used; without any, `signals` know emoji only.
    """

    messages: int
    languages: tuple[str, ...]
    people: tuple[Person, ...]
    activity: Activity
    rhythm: Rhythm
    questions: Questions
    signals: dict[str, Signal]
    tension: Tension
    threads: dict[str, Threads]
    chapters: Chapters


def measure(talk: Talk) -> Facts:
    """The facts of a chat of at least one message."""
    return Facts(
        messages=len(talk.messages),
        languages=talk.lexicon.languages,
        people=measure_people(talk),
        activity=measure_activity(talk),
        rhythm=measure_rhythm(talk),
        questions=measure_questions(talk),
        signals=measure_signals(talk),
        tension=measure_tension(talk),
        threads=measure_threads(talk),
        chapters=measure_chapters(talk),
    )
