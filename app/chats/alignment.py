"""Two exports of one chat, laid upon each other: what one has that the other has not.

A message is the same in both if its minute (exports of one messenger differ in seconds), author,
kind and text are. Those that stand in the same order in both hold the rest in place; they are
found as a longest increasing subsequence of their places.
"""

import re
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from app.chats.message import Message, MessageKind
from app.errors import DomainError

# So many messages of one author in one minute are compared at most.
_LOOKED_AT_MAX = 16
_VOTES = re.compile(r" \(\d{1,6}\)(?=\n|\Z)")
RUN_MIN = 3
"""So many messages that both have, in the same order, show that it is the same chat."""


class OtherChat(DomainError):
    """This is an export of another chat: its messages do not stand in this one."""

    code, http_status = "other_chat", 422


@dataclass(frozen=True, slots=True)
class Changes:
    """What became of the messages of a new export: `added` were not there, `changed` were edited
    or deleted since, `known` were there already. `kept` stand in the older revision only.
    `renamed` maps names in either to those that the same people have in the later export."""

    added: int
    changed: int
    known: int
    kept: int
    renamed: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Merged:
    """`messages` of both, in order, numbered from 1."""

    messages: list[Message]
    changes: Changes


def merge(old: Sequence[Message], new: Sequence[Message]) -> Merged:
    """The messages of both, each once. Raises OtherChat."""
    places = _places(old, new)
    anchors = in_order(places)
    if len(anchors) < min(RUN_MIN, len(old), len(new)):
        raise OtherChat
    replaced, told = _told_anew(old, new, places)
    merged = _woven(old, new, places, anchors, replaced, told)
    known = sum(place is not None for place in places)
    changed = len(replaced)
    superseded = len(told) - changed
    return Merged(
        [
            message if message.number == number else message._replace(number=number)
            for number, message in enumerate(merged, 1)
        ],
        Changes(
            added=len(new) - known - len(told),
            changed=changed,
            known=known + superseded,
            kept=len(old) - known - len(told),
        ),
    )


def minute_of(message: Message) -> int:
    """When it was written, as far as exports of one messenger agree."""
    return int(message.at.timestamp()) // 60


def _key(message: Message) -> Hashable:
    return minute_of(message), message.author, message.kind, message.text


def _places(old: Sequence[Message], new: Sequence[Message]) -> list[int | None]:
    """Where each new message stands in the old ones; of the same ones in a minute in turn."""
    pairs = enumerate(zip(old, new, strict=False))
    known = next((at for at, (a, b) in pairs if _key(a) != _key(b)), min(len(old), len(new)))
    places: list[int | None] = list(range(known))
    # Of most keys there is one message: a queue for each would take more than the messages.
    first: dict[Hashable, int] = {}
    following: dict[int, int] = {}
    last: dict[Hashable, int] = {}
    for place in range(known, len(old)):
        key = _key(old[place])
        before = last.get(key, first.setdefault(key, place))
        if before != place:
            following[before] = last[key] = place
    for index in range(known, len(new)):
        place = first.pop(key := _key(new[index]), None)
        if place is not None and place in following:
            first[key] = following[place]
        places.append(place)
    return places


def _told_anew(
    old: Sequence[Message], new: Sequence[Message], places: Sequence[int | None]
) -> tuple[dict[int, Message], set[int]]:
    """What was edited, deleted, delivered or voted on between the exports, or is told with less by
    one of them: old places with their newer message, and the places of new messages that are one
    with an old one, changed or superseded by it."""
    matched = {place for place in places if place is not None}
    loose: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for place, message in enumerate(old):
        if place not in matched:
            loose[minute_of(message), message.author].append(place)
    replaced: dict[int, Message] = {}
    told: set[int] = set()
    for index, (message, place) in enumerate(zip(new, places, strict=True)):
        found = loose.get((minute_of(message), message.author))
        if place is not None or not found:
            continue
        for loosely in islice(found, _LOOKED_AT_MAX):
            is_newer = _is_later(message, old[loosely])
            if is_newer or _is_later(old[loosely], message):
                found.remove(loosely)
                told.add(index)
                if is_newer:
                    replaced[loosely] = message
                break
    return replaced, told


def _is_later(message: Message, earlier: Message) -> bool:
    """`message` is `earlier` after somebody changed it, or with what the other export lacks."""
    if message.kind is MessageKind.POLL and earlier.kind is MessageKind.POLL:
        return _VOTES.sub("", message.text) == _VOTES.sub("", earlier.text)
    is_fuller = bool(message.text) and not earlier.text
    return (
        (message.edited and not earlier.edited)
        or (message.kind is MessageKind.DELETED and earlier.kind is not MessageKind.DELETED)
        or (is_fuller and earlier.kind is MessageKind.EMPTY)
        or (is_fuller and message.kind is earlier.kind is MessageKind.MEDIA)
    )


def in_order(places: Sequence[int | None]) -> set[int]:
    """Indexes of a longest run of `places` that only grows."""
    ends: list[int] = []
    last: list[int] = []
    previous: dict[int, int] = {}
    for index, place in enumerate(places):
        if place is None:
            continue
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
        last[at : at + 1] = [index]
        previous[index] = last[at - 1] if at else -1
    kept: set[int] = set()
    index = last[-1] if last else -1
    while index >= 0:
        kept.add(index)
        index = previous[index]
    return kept


def _woven(
    old: Sequence[Message],
    new: Sequence[Message],
    places: Sequence[int | None],
    anchors: set[int],
    replaced: dict[int, Message],
    told: set[int],
) -> list[Message]:
    """The old messages in their order, and each added one where it stands between its anchors."""
    woven: list[Message] = []
    at = 0
    limit = _next_anchors(places, anchors, len(old))
    for index, message in enumerate(new):
        if index in anchors:
            upto = (places[index] or 0) + 1
        elif places[index] is not None or index in told:
            continue
        else:
            upto = at
            while upto < limit[index] and old[upto].at <= message.at:
                upto += 1
        woven += (replaced.get(place, old[place]) for place in range(at, upto))
        at = max(at, upto)
        if index not in anchors:
            woven.append(message)
    woven += (replaced.get(place, old[place]) for place in range(at, len(old)))
    return woven


def _next_anchors(places: Sequence[int | None], anchors: set[int], end: int) -> list[int]:
    """For each new message the old place of the next anchor, `end` behind the last."""
    limits = [end] * len(places)
    for index in range(len(places) - 1, -1, -1):
        place = places[index]
        if index in anchors and place is not None:
            end = place
        limits[index] = end
    return limits
