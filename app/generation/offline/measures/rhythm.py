"""Who begins, who breaks a silence, and how soon people answer each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import pairwise

from app.generation.offline.measures.sampling import median_of, spread_over
from app.generation.offline.measures.transcript import SECONDS_A_DAY, AnnotatedTranscript

SAMPLE_MAX = 8
PAIRS_MAX = 3
SILENCES_MAX = 4
SLOW_REPLY_S = 3600
DAYPARTS = ("at night", "in the morning", "in the afternoon", "in the evening")
DAYPART_REPLIES_MIN = 5
_SILENCE_DAYS_MIN = 2


@dataclass(frozen=True, slots=True)
class Opener:
    """How a person opens and closes conversations; one entry for each of Facts.people.

    `alone` are conversations in which no other person wrote. `joined` counts the conversations
    a person wrote in at all.
    """

    opened: int
    opened_early: int
    opened_late: int
    closed: int
    joined: int
    sample: tuple[int, ...]
    late_sample: tuple[int, ...]
    closed_sample: tuple[int, ...]
    alone: int
    alone_sample: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence of at least two days between the messages `before` and `after`."""

    days: float
    before: int
    after: int
    since: str
    until: str
    ended_by: int


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message, the reply to it and the seconds between."""

    message: int
    reply: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Replies:
    """How a person answers others inside conversations; times in seconds, None without replies.

    `dayparts` are medians at night, in the morning, afternoon and evening, None below five.
    """

    count: int
    median_s: float | None
    early_s: float | None
    late_s: float | None
    slow: int
    dayparts: tuple[float | None, ...]
    typical: tuple[Exchange, ...]
    slowest: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`conversations` begin after six hours of silence; the halves count their beginnings."""

    conversations: int
    conversations_early: int
    conversations_late: int
    openers: tuple[Opener, ...]
    silences: tuple[Silence, ...]
    replies: tuple[Replies, ...]


def measure_rhythm(transcript: AnnotatedTranscript) -> Rhythm:
    """Openings, silences and reply times."""
    early = sum(start < transcript.middle for start in transcript.starts)
    return Rhythm(
        conversations=len(transcript.starts),
        conversations_early=early,
        conversations_late=len(transcript.starts) - early,
        openers=_openers(transcript),
        silences=_silences(transcript),
        replies=_replies(transcript),
    )


def _openers(transcript: AnnotatedTranscript) -> tuple[Opener, ...]:
    opened: list[list[int]] = [[] for _ in transcript.people]
    closed: list[list[int]] = [[] for _ in transcript.people]
    alone: list[list[int]] = [[] for _ in transcript.people]
    joined = [0] * len(transcript.people)
    for start, stop in pairwise([*transcript.starts, len(transcript.who)]):
        present = set(transcript.who[start:stop])
        opened[transcript.who[start]].append(start)
        closed[transcript.who[stop - 1]].append(stop - 1)
        for who in present:
            joined[who] += 1
        if len(present) == 1:
            alone[transcript.who[start]].append(start)
    return tuple(
        _opener(transcript, opened[who], closed[who], alone[who], joined[who])
        for who in range(len(transcript.people))
    )


def _opener(
    transcript: AnnotatedTranscript,
    opened: list[int],
    closed: list[int],
    alone: list[int],
    joined: int,
) -> Opener:
    late = [at for at in opened if at >= transcript.middle]
    return Opener(
        opened=len(opened),
        opened_early=len(opened) - len(late),
        opened_late=len(late),
        closed=len(closed),
        joined=joined,
        sample=tuple(map(transcript.number, spread_over(opened, SAMPLE_MAX))),
        late_sample=tuple(map(transcript.number, spread_over(late, SAMPLE_MAX))),
        closed_sample=tuple(map(transcript.number, spread_over(closed, SAMPLE_MAX))),
        alone=len(alone),
        alone_sample=tuple(map(transcript.number, spread_over(alone, SAMPLE_MAX))),
    )


def _silences(transcript: AnnotatedTranscript) -> tuple[Silence, ...]:
    gaps = [(transcript.at[at] - transcript.at[at - 1], at) for at in transcript.starts if at]
    longest = sorted(gaps, key=lambda gap: (-gap[0], gap[1]))[:SILENCES_MAX]
    return tuple(
        Silence(
            days=round(seconds / SECONDS_A_DAY, 1),
            before=transcript.number(at - 1),
            after=transcript.number(at),
            since=transcript.date(at - 1),
            until=transcript.date(at),
            ended_by=transcript.who[at],
        )
        for seconds, at in longest
        if seconds >= _SILENCE_DAYS_MIN * SECONDS_A_DAY
    )


def _replies(transcript: AnnotatedTranscript) -> tuple[Replies, ...]:
    """A reply is a message after another person's, inside one conversation."""
    found: list[list[tuple[float, int]]] = [[] for _ in transcript.people]
    for at in range(1, len(transcript.who)):
        if (
            transcript.who[at] != transcript.who[at - 1]
            and transcript.conversation[at] == transcript.conversation[at - 1]
        ):
            found[transcript.who[at]].append((transcript.at[at] - transcript.at[at - 1], at))
    return tuple(_replies_of(transcript, mine) for mine in found)


def _replies_of(transcript: AnnotatedTranscript, mine: Sequence[tuple[float, int]]) -> Replies:
    middle = median_of([seconds for seconds, _ in mine])
    slowest = nlargest(PAIRS_MAX, mine)
    typical: list[tuple[float, int]] = []
    if middle is not None:
        typical = nsmallest(PAIRS_MAX, mine, key=lambda each: (abs(each[0] - middle), each[1]))
    by_part: list[list[float]] = [[] for _ in DAYPARTS]
    for seconds, at in mine:
        by_part[transcript.hour[at] // 6].append(seconds)
    return Replies(
        count=len(mine),
        median_s=middle,
        early_s=median_of([seconds for seconds, at in mine if at < transcript.middle]),
        late_s=median_of([seconds for seconds, at in mine if at >= transcript.middle]),
        slow=sum(seconds > SLOW_REPLY_S for seconds, _ in mine),
        dayparts=tuple(
            median_of(part) if len(part) >= DAYPART_REPLIES_MIN else None for part in by_part
        ),
        typical=tuple(_exchange(transcript, each) for each in typical),
        slowest=tuple(_exchange(transcript, each) for each in slowest),
    )


def _exchange(transcript: AnnotatedTranscript, reply: tuple[float, int]) -> Exchange:
    seconds, at = reply
    return Exchange(transcript.number(at - 1), transcript.number(at), round(seconds))
