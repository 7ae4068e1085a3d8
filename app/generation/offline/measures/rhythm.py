"""Who begins, who answers, and how soon."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from app.chats.quantiles import median
from app.generation.offline.measures.transcript import SECONDS_A_DAY, AnnotatedTranscript

SILENCE_DAYS_MIN = 2


@dataclass(frozen=True, slots=True)
class Questions:
    """Positions of questions: `asked` by person, `judged` with what came within a day, if any.

    A question of the last day without an answer is not judged.
    """

    asked: list[list[int]]
    judged: dict[int, int | None]

    @property
    def open(self) -> list[int]:
        return [at for at, answer in self.judged.items() if answer is None]


def measure_questions(chat: AnnotatedTranscript) -> Questions:
    """Every message with a question mark, and the next message by another person."""
    asking = [at for at, asks in enumerate(chat.asks) if asks]
    judged: dict[int, int | None] = {}
    for at in asking:
        answer = chat.reply(at)
        if answer is not None or chat.at[-1] - chat.at[at] > SECONDS_A_DAY:
            judged[at] = answer
    return Questions(chat.by_person(asking), judged)


def openings(chat: AnnotatedTranscript) -> list[list[int]]:
    """The first messages of conversations, by person."""
    return chat.by_person(chat.starts)


def silences(chat: AnnotatedTranscript) -> list[int]:
    """The messages that end a silence of two days at least, the longest first."""
    gaps = [(chat.at[at - 1] - chat.at[at], at) for at in chat.starts if at]
    return [at for gap, at in sorted(gaps) if -gap >= SILENCE_DAYS_MIN * SECONDS_A_DAY]


def replies(chat: AnnotatedTranscript) -> list[list[int]]:
    """Messages after another person's inside one conversation, by who replies."""
    return chat.by_person(
        at
        for at in range(1, len(chat.who))
        if chat.who[at] != chat.who[at - 1] and chat.conversation[at] == chat.conversation[at - 1]
    )


def wait(chat: AnnotatedTranscript, positions: Sequence[int]) -> timedelta | None:
    """The median time from the message before to each of these; None of nothing."""
    middle_s = median([chat.at[at] - chat.at[at - 1] for at in positions])
    return None if middle_s is None else timedelta(seconds=middle_s)


def longest_streak(chat: AnnotatedTranscript) -> tuple[int, int]:
    """First and last day (ordinals) of the longest run on which at least two people wrote.

    The last lies before the first when there is none.
    """
    writers: dict[int, set[int]] = {}
    for day, who in zip(chat.day, chat.who, strict=True):
        writers.setdefault(day, set()).add(who)
    shared = sorted(day for day, people in writers.items() if len(people) > 1)
    best = (chat.day[0], chat.day[0] - 1)
    start = 0
    for place, day in enumerate(shared):
        if not place or shared[place - 1] != day - 1:
            start = day
        if day - start > best[1] - best[0]:
            best = (start, day)
    return best
