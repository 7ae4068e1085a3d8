"""Questions: who asks, who answers first, and what was left in the air."""

from dataclasses import dataclass

from app.generation.offline.measures.sampling import median_of, spread_over
from app.generation.offline.measures.transcript import SECONDS_A_DAY, AnnotatedTranscript

OPEN_MAX = 12
SAMPLE_MAX = 6


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question after which no other person wrote for a day."""

    number: int
    asker: int
    on: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A person's questions, one entry for each of Facts.people.

    `answered_first` counts others' questions this person was first to react to.
    """

    asked: int
    asked_early: int
    asked_late: int
    left_open: int
    median_answer_s: float | None
    answered_first: int
    sample: tuple[int, ...]
    answer_sample: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Questions:
    """`left_open` are the latest open questions; questions of the last day are not judged."""

    asked: int
    judged: int
    open_count: int
    left_open: tuple[OpenQuestion, ...]
    asking: tuple[Asking, ...]


def next_by_other(transcript: AnnotatedTranscript, position: int) -> int | None:
    """The next message by another person within a day; None if there is none."""
    at = transcript.next_other[position]
    if at == len(transcript.who) or transcript.at[at] - transcript.at[position] > SECONDS_A_DAY:
        return None
    return at


def measure_questions(transcript: AnnotatedTranscript) -> Questions:
    """Every message with a question mark, and what happened in the day after it."""
    people = range(len(transcript.people))
    asked: list[list[int]] = [[] for _ in people]
    answered: list[list[int]] = [[] for _ in people]
    delays: list[list[float]] = [[] for _ in people]
    still_open: list[int] = []
    judged = 0
    for at in (at for at, asks in enumerate(transcript.asks) if asks):
        asker = transcript.who[at]
        asked[asker].append(at)
        reaction = next_by_other(transcript, at)
        if reaction is not None:
            judged += 1
            answered[transcript.who[reaction]].append(reaction)
            delays[asker].append(transcript.at[reaction] - transcript.at[at])
        elif transcript.at[-1] - transcript.at[at] > SECONDS_A_DAY:
            judged += 1
            still_open.append(at)
    return Questions(
        asked=sum(map(len, asked)),
        judged=judged,
        open_count=len(still_open),
        left_open=tuple(
            OpenQuestion(transcript.number(at), transcript.who[at], transcript.date(at))
            for at in still_open[-OPEN_MAX:]
        ),
        asking=tuple(
            Asking(
                asked=len(asked[who]),
                asked_early=sum(at < transcript.middle for at in asked[who]),
                asked_late=sum(at >= transcript.middle for at in asked[who]),
                left_open=sum(transcript.who[at] == who for at in still_open),
                median_answer_s=median_of(delays[who]),
                answered_first=len(answered[who]),
                sample=tuple(map(transcript.number, spread_over(asked[who], SAMPLE_MAX))),
                answer_sample=tuple(map(transcript.number, spread_over(answered[who], SAMPLE_MAX))),
            )
            for who in people
        ),
    )
