"""How often each signal of the word lists appears: who, when, and where it is densest."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from app.generation.offline.measures.questions import next_by_other
from app.generation.offline.measures.sampling import median_of, spread_over
from app.generation.offline.measures.transcript import SECONDS_A_DAY, AnnotatedTranscript

PEAKS_MAX = 4
PEAK_MESSAGES_MIN = 3
PEAK_SAMPLE_MAX = 6
SAMPLE_MAX = 6
RETURN_S = 3600
RETURN_HITS_MAX = 50


@dataclass(frozen=True, slots=True)
class Peak:
    """A conversation in which a signal is dense; `givers` are places in Facts.people."""

    on: str
    count: int
    givers: tuple[int, ...]
    sample: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Signal:
    """Messages with a signal, by person (as Facts.people) and in the two halves of the chat.

    `returned` counts those that another person returned in kind within an hour; `answered` those
    another person wrote after within a day, `answered_soon` within an hour.
    """

    total: int
    early: int
    late: int
    by_person: tuple[int, ...]
    early_by_person: tuple[int, ...]
    samples: tuple[tuple[int, ...], ...]
    peaks: tuple[Peak, ...]
    returned: int
    answered: int
    answered_soon: int
    answered_first_by: tuple[int, ...]
    median_answer_s: float | None
    median_hour: int | None
    days: int


def measure_signals(transcript: AnnotatedTranscript) -> dict[str, Signal]:
    """Every signal, also those that never appear."""
    return {
        signal: _signal(transcript, positions) for signal, positions in transcript.signals.items()
    }


def _signal(transcript: AnnotatedTranscript, found: Mapping[int, int]) -> Signal:
    positions = sorted(found)
    own: list[list[int]] = [[] for _ in transcript.people]
    for at in positions:
        own[transcript.who[at]].append(at)
    early = sum(at < transcript.middle for at in positions)
    answers = [(at, next_by_other(transcript, at)) for at in positions]
    delays = [
        transcript.at[answer] - transcript.at[at] for at, answer in answers if answer is not None
    ]
    first_by = [0] * len(transcript.people)
    for _, answer in answers:
        if answer is not None:
            first_by[transcript.who[answer]] += 1
    hours = sorted(transcript.hour[at] for at in positions)
    return Signal(
        total=len(positions),
        early=early,
        late=len(positions) - early,
        by_person=tuple(map(len, own)),
        early_by_person=tuple(sum(at < transcript.middle for at in mine) for mine in own),
        samples=tuple(tuple(map(transcript.number, spread_over(mine, SAMPLE_MAX))) for mine in own),
        peaks=_peaks(transcript, positions),
        returned=_returned(transcript, positions),
        answered=len(delays),
        answered_soon=sum(delay <= RETURN_S for delay in delays),
        answered_first_by=tuple(first_by),
        median_answer_s=median_of(delays),
        median_hour=hours[len(hours) // 2] if hours else None,
        days=len({transcript.day[at] for at in positions}),
    )


def _returned(transcript: AnnotatedTranscript, positions: list[int]) -> int:
    """How many were followed within an hour by the same signal from another person."""
    count = 0
    for place, at in enumerate(positions):
        for later in positions[place + 1 : place + 1 + RETURN_HITS_MAX]:
            if transcript.at[later] - transcript.at[at] > RETURN_S:
                break
            if transcript.who[later] != transcript.who[at]:
                count += 1
                break
    return count


def _peaks(transcript: AnnotatedTranscript, positions: list[int]) -> tuple[Peak, ...]:
    by_conversation: defaultdict[int, list[int]] = defaultdict(list)
    for at in positions:
        by_conversation[transcript.conversation[at]].append(at)
    dense = [found for found in by_conversation.values() if len(found) >= PEAK_MESSAGES_MIN]
    # Passages that several people share come before longer ones by one person.
    dense.sort(key=lambda found: (-min(len({transcript.who[at] for at in found}), 2), -len(found)))
    return tuple(
        Peak(
            on=transcript.date(found[0]),
            count=len(found),
            givers=tuple(sorted({transcript.who[at] for at in found})),
            sample=tuple(map(transcript.number, spread_over(found, PEAK_SAMPLE_MAX))),
        )
        for found in dense[:PEAKS_MAX]
    )


def days_after(transcript: AnnotatedTranscript, position: int) -> float:
    """Days of chat that follow a message."""
    return (transcript.at[-1] - transcript.at[position]) / SECONDS_A_DAY
