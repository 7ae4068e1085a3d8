"""Passages of tension, and what came after them."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.generation.offline.measures.sampling import median_of, spread_over
from app.generation.offline.measures.transcript import SECONDS_A_DAY, AnnotatedTranscript

JOIN_S = 12 * 3600
JOIN_MESSAGES = 60
STRONG, MILD = 2, 1
SCORE_MIN = 4
EPISODES_MAX = 6
SAMPLE_MAX = 8
APOLOGY_HORIZON_S = 3 * SECONDS_A_DAY
APOLOGY_CONVERSATIONS = 2
APOLOGY_WEIGHT_MAX = 2
CHILL_S = 3 * SECONDS_A_DAY
CHILL_WEIGHT = 2
CALM_HORIZON_S = 30 * SECONDS_A_DAY
CALM_MESSAGES = 6
CALM_GAP_S = 3600
HORIZON_MESSAGES = 2000


@dataclass(frozen=True, slots=True)
class Apology:
    """The first apology or word of repair after a passage; `hours` after its last tense message."""

    number: int
    by: int
    hours: float


@dataclass(frozen=True, slots=True)
class Episode:
    """Tense messages close together; people are places in Facts.people.

    Who began is not said: a quarrel may begin in words that no list holds. `calm_number` begins
    the first six messages by at least two people, less than an hour apart, without a tense word;
    None if none came within 30 days.
    """

    on: str
    score: int
    tense: int
    people: tuple[int, ...]
    sample: tuple[int, ...]
    apology: Apology | None
    calm_number: int | None
    calm_by: int | None
    calm_hours: float | None


@dataclass(frozen=True, slots=True)
class Tension:
    """`episodes` are the gravest, in time order; `mended` counts those a calm exchange followed."""

    count: int
    mended: int
    early: int
    late: int
    apologised: int
    first_apologies: tuple[int, ...]
    median_calm_hours: float | None
    episodes: tuple[Episode, ...]


def measure_tension(transcript: AnnotatedTranscript) -> Tension:
    """Passages in which sharp words stand together, at least one of them strong.

    Apologies inside a passage and a silence of three days after it add to its score: people
    quarrel in plainer words than any list holds, but then they make up or stop writing.
    """
    scores = dict.fromkeys(transcript.signals["tension_mild"], MILD)
    scores.update(dict.fromkeys(transcript.signals["tension"], STRONG))
    passages = [
        passage
        for passage in _passages(transcript, sorted(scores))
        if sum(scores[at] for at in passage) + _aftermath(transcript, passage) >= SCORE_MIN
        and any(scores[at] == STRONG for at in passage)
        and len(passage) > 1
    ]
    episodes = [_episode(transcript, passage, scores) for passage in passages]
    calm = [each.calm_hours for each in episodes if each.calm_hours is not None]
    first = [0] * len(transcript.people)
    for each in episodes:
        if each.apology is not None:
            first[each.apology.by] += 1
    gravest = sorted(range(len(episodes)), key=lambda place: -episodes[place].score)
    early = sum(passage[0] < transcript.middle for passage in passages)
    return Tension(
        count=len(episodes),
        mended=len(calm),
        early=early,
        late=len(episodes) - early,
        apologised=sum(each.apology is not None for each in episodes),
        first_apologies=tuple(first),
        median_calm_hours=median_of(calm),
        episodes=tuple(episodes[place] for place in sorted(gravest[:EPISODES_MAX])),
    )


def _passages(transcript: AnnotatedTranscript, positions: Sequence[int]) -> list[list[int]]:
    passages: list[list[int]] = []
    for at in positions:
        last = passages[-1][-1] if passages else None
        if (
            last is not None
            and at - last <= JOIN_MESSAGES
            and transcript.at[at] - transcript.at[last] <= JOIN_S
        ):
            passages[-1].append(at)
        else:
            passages.append([at])
    return passages


def _episode(
    transcript: AnnotatedTranscript, passage: Sequence[int], scores: dict[int, int]
) -> Episode:
    calm = _calm_after(transcript, passage[-1], scores)
    return Episode(
        on=transcript.date(passage[0]),
        score=sum(scores[at] for at in passage) + _aftermath(transcript, passage),
        tense=len(passage),
        people=tuple(sorted({transcript.who[at] for at in passage})),
        sample=tuple(map(transcript.number, spread_over(passage, SAMPLE_MAX))),
        apology=_apology_after(transcript, passage),
        calm_number=None if calm is None else transcript.number(calm),
        calm_by=None if calm is None else transcript.who[calm],
        calm_hours=None if calm is None else _hours(transcript, passage[-1], calm),
    )


def _aftermath(transcript: AnnotatedTranscript, passage: Sequence[int]) -> int:
    sorry = transcript.signals["apology"]
    reach = range(passage[0], min(passage[-1] + CALM_MESSAGES, len(transcript.who)))
    weight = min(APOLOGY_WEIGHT_MAX, sum(at in sorry for at in reach))
    conversation = transcript.conversation[passage[-1]] + 1
    if conversation < len(transcript.starts):
        start = transcript.starts[conversation]
        if transcript.at[start] - transcript.at[start - 1] >= CHILL_S:
            weight += CHILL_WEIGHT
    return weight


def _hours(transcript: AnnotatedTranscript, before: int, after: int) -> float:
    return round((transcript.at[after] - transcript.at[before]) / 3600, 1)


def _apology_after(transcript: AnnotatedTranscript, passage: Sequence[int]) -> Apology | None:
    """The first apology since the passage began: in three days, or the next two conversations."""
    sorry = transcript.signals["apology"]
    until = transcript.at[passage[-1]] + APOLOGY_HORIZON_S
    last = transcript.conversation[passage[-1]] + APOLOGY_CONVERSATIONS
    for at in range(passage[0] + 1, min(len(transcript.who), passage[-1] + HORIZON_MESSAGES)):
        if transcript.at[at] > until and transcript.conversation[at] > last:
            return None
        if at in sorry:
            hours = max(0.0, _hours(transcript, passage[-1], at))
            return Apology(transcript.number(at), transcript.who[at], hours)
    return None


def _calm_after(
    transcript: AnnotatedTranscript, position: int, scores: dict[int, int]
) -> int | None:
    """Where the first calm exchange after `position` begins."""
    until = transcript.at[position] + CALM_HORIZON_S
    start: int | None = None
    for at in range(position + 1, min(len(transcript.who), position + 1 + HORIZON_MESSAGES)):
        if transcript.at[at] > until:
            return None
        if at in scores:
            start = None
        elif start is None or transcript.at[at] - transcript.at[at - 1] > CALM_GAP_S:
            start = at
        if (
            start is not None
            and at - start + 1 >= CALM_MESSAGES
            and transcript.next_other[start] <= at
        ):
            return start
    return None
