"""Everything that is measured over a whole chat."""

from dataclasses import dataclass

from app.generation.offline.measures.activity import (
    Activity,
    Person,
    measure_activity,
    measure_people,
)
from app.generation.offline.measures.chapters import Chapters, measure_chapters
from app.generation.offline.measures.questions import Questions, measure_questions
from app.generation.offline.measures.rhythm import Rhythm, measure_rhythm
from app.generation.offline.measures.signals import Signal, measure_signals
from app.generation.offline.measures.tension import Tension, measure_tension
from app.generation.offline.measures.threads import Threads, measure_threads
from app.generation.offline.measures.transcript import AnnotatedTranscript


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


def measure(transcript: AnnotatedTranscript) -> Facts:
    """The facts of a chat of at least one message."""
    return Facts(
        messages=len(transcript.messages),
        languages=transcript.lexicon.languages,
        people=measure_people(transcript),
        activity=measure_activity(transcript),
        rhythm=measure_rhythm(transcript),
        questions=measure_questions(transcript),
        signals=measure_signals(transcript),
        tension=measure_tension(transcript),
        threads=measure_threads(transcript),
        chapters=measure_chapters(transcript),
    )
