"""Who begins, who breaks a silence, and how soon people answer each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import pairwise

from app.insights.facts.sampling import median_of, spread_over
from app.insights.facts.talk import SECONDS_A_DAY, Talk

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

    `alone` are conversations in which nobody else wrote. `joined` counts the conversations
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


def measure_rhythm(talk: Talk) -> Rhythm:
    """Openings, silences and reply times."""
    early = sum(start < talk.middle for start in talk.starts)
    return Rhythm(
        conversations=len(talk.starts),
        conversations_early=early,
        conversations_late=len(talk.starts) - early,
        openers=_openers(talk),
        silences=_silences(talk),
        replies=_replies(talk),
    )


def _openers(talk: Talk) -> tuple[Opener, ...]:
    opened: list[list[int]] = [[] for _ in talk.people]
    closed: list[list[int]] = [[] for _ in talk.people]
    alone: list[list[int]] = [[] for _ in talk.people]
    joined = [0] * len(talk.people)
    for start, stop in pairwise([*talk.starts, len(talk.who)]):
        present = set(talk.who[start:stop])
        opened[talk.who[start]].append(start)
        closed[talk.who[stop - 1]].append(stop - 1)
        for who in present:
            joined[who] += 1
        if len(present) == 1:
            alone[talk.who[start]].append(start)
    return tuple(
        _opener(talk, opened[who], closed[who], alone[who], joined[who])
        for who in range(len(talk.people))
    )


def _opener(
    talk: Talk, opened: list[int], closed: list[int], alone: list[int], joined: int
) -> Opener:
    late = [at for at in opened if at >= talk.middle]
    return Opener(
        opened=len(opened),
        opened_early=len(opened) - len(late),
        opened_late=len(late),
        closed=len(closed),
        joined=joined,
        sample=tuple(map(talk.number, spread_over(opened, SAMPLE_MAX))),
        late_sample=tuple(map(talk.number, spread_over(late, SAMPLE_MAX))),
        closed_sample=tuple(map(talk.number, spread_over(closed, SAMPLE_MAX))),
        alone=len(alone),
        alone_sample=tuple(map(talk.number, spread_over(alone, SAMPLE_MAX))),
    )


def _silences(talk: Talk) -> tuple[Silence, ...]:
    gaps = [(talk.at[at] - talk.at[at - 1], at) for at in talk.starts if at]
    longest = sorted(gaps, key=lambda gap: (-gap[0], gap[1]))[:SILENCES_MAX]
    return tuple(
        Silence(
            days=round(seconds / SECONDS_A_DAY, 1),
            before=talk.number(at - 1),
            after=talk.number(at),
            since=talk.date(at - 1),
            until=talk.date(at),
            ended_by=talk.who[at],
        )
        for seconds, at in longest
        if seconds >= _SILENCE_DAYS_MIN * SECONDS_A_DAY
    )


def _replies(talk: Talk) -> tuple[Replies, ...]:
    """A reply is a message after somebody else's, inside one conversation."""
    found: list[list[tuple[float, int]]] = [[] for _ in talk.people]
    for at in range(1, len(talk.who)):
        if talk.who[at] != talk.who[at - 1] and talk.conversation[at] == talk.conversation[at - 1]:
            found[talk.who[at]].append((talk.at[at] - talk.at[at - 1], at))
    return tuple(_replies_of(talk, mine) for mine in found)


def _replies_of(talk: Talk, mine: Sequence[tuple[float, int]]) -> Replies:
    middle = median_of([seconds for seconds, _ in mine])
    slowest = nlargest(PAIRS_MAX, mine)
    typical: list[tuple[float, int]] = []
    if middle is not None:
        typical = nsmallest(PAIRS_MAX, mine, key=lambda each: (abs(each[0] - middle), each[1]))
    by_part: list[list[float]] = [[] for _ in DAYPARTS]
    for seconds, at in mine:
        by_part[talk.hour[at] // 6].append(seconds)
    return Replies(
        count=len(mine),
        median_s=middle,
        early_s=median_of([seconds for seconds, at in mine if at < talk.middle]),
        late_s=median_of([seconds for seconds, at in mine if at >= talk.middle]),
        slow=sum(seconds > SLOW_REPLY_S for seconds, _ in mine),
        dayparts=tuple(
            median_of(part) if len(part) >= DAYPART_REPLIES_MIN else None for part in by_part
        ),
        typical=tuple(_exchange(talk, each) for each in typical),
        slowest=tuple(_exchange(talk, each) for each in slowest),
    )


def _exchange(talk: Talk, reply: tuple[float, int]) -> Exchange:
    seconds, at = reply
    return Exchange(talk.number(at - 1), talk.number(at), round(seconds))
