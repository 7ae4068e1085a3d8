"""People who bear another name in another export of one chat: a contact was renamed, or the
export is from another phone.

What bears it out are messages of the same minute, kind and text that stand in the same order in
both exports and are alone of that kind: under two names, they are of one person.
"""

from collections import Counter
from collections.abc import Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.chats.alignment import in_order, minute_of
from app.chats.message import Message

MESSAGES_MIN = 2
"""So many messages bear a name out. One does if its neighbours are the same in both exports,
and the old name is gone."""
SHARE_MIN = 0.5
"""So much of what one person wrote while both exports last must stand in both."""


class Renamed(NamedTuple):
    """`old` and `new` with one name for each person. `names` maps those that are given up to
    those that are kept, `joined` is as in `ChatMeta`; `is_stored` if names of `old` are given
    up."""

    old: list[Message]
    new: list[Message]
    names: dict[str, str]
    joined: dict[str, str]
    is_stored: bool


def under_one_name(
    old: Sequence[Message], new: Sequence[Message], joined: Mapping[str, str]
) -> Renamed:
    """The messages of a chat and those of another export of it, by the names of that which was
    made later: it holds the last message. `joined` maps names of files to those in `old`."""
    names = find_renames(old, new, joined)
    is_stored = bool(names) and minute_of(new[-1]) >= minute_of(old[-1])
    if is_stored:
        joined = {name: names.get(into, into) for name, into in joined.items()}
        given_up: Mapping[str, str] = joined
        old = _by(old, names)
    else:
        names = {into: name for name, into in names.items()}
        given_up = {**joined, **names}
    return Renamed(list(old), _by(new, given_up), names, dict(joined), is_stored)


def _by(messages: Sequence[Message], names: Mapping[str, str]) -> list[Message]:
    return [m._replace(author=names[m.author]) if m.author in names else m for m in messages]


def find_renames(
    old: Sequence[Message], new: Sequence[Message], joined: Container[str] = ()
) -> dict[str, str]:
    """Names in `old`, each with that under which the same person writes in `new`: no two have
    the same. Names of `new` in `joined` are known, and prove nothing.

    Of what would make two people one, nothing is believed: a name that has both its old and
    its new bearer among the messages in common, or a new name that is another's in `old`.
    """
    old_names = {message.author for message in old}
    new_names = {message.author for message in new}
    if new_names <= old_names:
        return {}
    common = _Common.of(old, new)
    evidence = Counter(
        (old[place].author, new[index].author)
        for place, index in common.pairs
        if new[index].author not in joined
    )
    met_as = Counter(name for name, _ in evidence)
    met_by = Counter(name for _, name in evidence)
    found = {
        name: other
        for (name, other), count in evidence.items()
        if name != other
        and met_as[name] == met_by[other] == 1
        and count >= SHARE_MIN * common.least(name, other)
        and (count >= MESSAGES_MIN or (name not in new_names and common.is_in_a_run(name)))
    }
    # A name that is taken over must be free: its bearer has another one now, or never wrote.
    while taken := [name for name, other in found.items() if other in old_names - found.keys()]:
        for name in taken:
            del found[name]
    return found


@dataclass(frozen=True, slots=True)
class _Common:
    """Places in `old` and `new` of the same messages, by whichever author."""

    old: Sequence[Message]
    new: Sequence[Message]
    pairs: list[tuple[int, int]]
    old_counts: Counter[str]
    new_counts: Counter[str]

    @classmethod
    def of(cls, old: Sequence[Message], new: Sequence[Message]) -> "_Common":
        old_places, new_places = _alone(old), _alone(new)
        found: list[int | None] = [None] * len(new)
        for key, index in new_places.items():
            found[index] = old_places.get(key)
        pairs = [(place, n) for n in in_order(found) if (place := found[n]) is not None]
        span = _span(old, new)
        return cls(
            old,
            new,
            pairs,
            Counter(old[n].author for n in old_places.values() if minute_of(old[n]) in span),
            Counter(new[n].author for n in new_places.values() if minute_of(new[n]) in span),
        )

    def least(self, name: str, other: str) -> int:
        """How many of their messages could be the same at most."""
        return min(self.old_counts[name], self.new_counts[other])

    def is_in_a_run(self, name: str) -> bool:
        """The messages before and after the first one under this name are the same, too."""
        place, index = next(pair for pair in self.pairs if self.old[pair[0]].author == name)
        return all(
            0 <= place + step < len(self.old)
            and 0 <= index + step < len(self.new)
            and _key(self.old[place + step]) == _key(self.new[index + step])
            for step in (-1, 1)
        )


def _key(message: Message) -> Hashable:
    return minute_of(message), message.kind, message.text


def _alone(messages: Sequence[Message]) -> dict[Hashable, int]:
    """Places of the messages whose key no other has."""
    places: dict[Hashable, int] = {}
    for place, message in enumerate(messages):
        key = _key(message)
        places[key] = -1 if key in places else place
    return {key: place for key, place in places.items() if place >= 0}


def _span(old: Sequence[Message], new: Sequence[Message]) -> range:
    """The minutes for which both last."""
    first = max(minute_of(messages[0]) for messages in (old, new))
    last = min(minute_of(messages[-1]) for messages in (old, new))
    return range(first, last + 1)
