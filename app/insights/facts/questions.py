"""Questions: who asks, who answers first, and what was left in the air."""

from dataclasses import dataclass

from app.insights.facts.sampling import median_of, spread_over
from app.insights.facts.talk import SECONDS_A_DAY, Talk

OPEN_MAX = 12
SAMPLE_MAX = 6


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question after which nobody else wrote for a day."""

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


def next_by_other(talk: Talk, position: int) -> int | None:
    """The next message by somebody else within a day; None if nobody else wrote."""
    at = talk.next_other[position]
    if at == len(talk.who) or talk.at[at] - talk.at[position] > SECONDS_A_DAY:
        return None
    return at


def measure_questions(talk: Talk) -> Questions:
    """Every message with a question mark, and what happened in the day after it."""
    people = range(len(talk.people))
    asked: list[list[int]] = [[] for _ in people]
    answered: list[list[int]] = [[] for _ in people]
    delays: list[list[float]] = [[] for _ in people]
    still_open: list[int] = []
    judged = 0
    for at in (at for at, asks in enumerate(talk.asks) if asks):
        asker = talk.who[at]
        asked[asker].append(at)
        reaction = next_by_other(talk, at)
        if reaction is not None:
            judged += 1
            answered[talk.who[reaction]].append(reaction)
            delays[asker].append(talk.at[reaction] - talk.at[at])
        elif talk.at[-1] - talk.at[at] > SECONDS_A_DAY:
            judged += 1
            still_open.append(at)
    return Questions(
        asked=sum(map(len, asked)),
        judged=judged,
        open_count=len(still_open),
        left_open=tuple(
            OpenQuestion(talk.number(at), talk.who[at], talk.date(at))
            for at in still_open[-OPEN_MAX:]
        ),
        asking=tuple(
            Asking(
                asked=len(asked[who]),
                asked_early=sum(at < talk.middle for at in asked[who]),
                asked_late=sum(at >= talk.middle for at in asked[who]),
                left_open=sum(talk.who[at] == who for at in still_open),
                median_answer_s=median_of(delays[who]),
                answered_first=len(answered[who]),
                sample=tuple(map(talk.number, spread_over(asked[who], SAMPLE_MAX))),
                answer_sample=tuple(map(talk.number, spread_over(answered[who], SAMPLE_MAX))),
            )
            for who in people
        ),
    )
