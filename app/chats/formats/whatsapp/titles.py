"""Names under which WhatsApp itself writes on iOS: those of groups."""

from collections.abc import Mapping, Sequence

from app.chats.formats.whatsapp.bodies import (
    LEFT_TO_RIGHT,
    RIGHT_TO_LEFT,
    could_be_shared,
    has_own_mark,
    is_marked,
    read_body,
)
from app.chats.formats.whatsapp.headers import Layout
from app.chats.formats.whatsapp.names import clean
from app.chats.formats.whatsapp.notices import group_name, is_encryption_notice, is_notice

# Exports whose marks an editor took out are looked through only at their beginning.
_UNMARKED_MAX = 200
# A mark that a lone author has so often is no sentence.
_OFTEN = 3
# So many others make a chat one of several people, in which the app names the group.
_OTHERS_MAX = 2


def suspects(rests: Sequence[str]) -> list[str]:
    """The few entries that hold one of WhatsApp's marks, or end as what it puts in brackets."""
    return [r for r in rests if r.endswith((">", "›")) or LEFT_TO_RIGHT in r or RIGHT_TO_LEFT in r]


def shared_bodies(suspected: Sequence[str], layout: Layout) -> frozenset[str]:
    """Bodies with the structure of a mark that several authors have, or one author often."""
    authors: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for rest in suspected:
        author, end, body = rest.partition(layout.author_end)
        if end and could_be_shared(body):
            authors.setdefault(body, set()).add(author)
            counts[body] = counts.get(body, 0) + 1
    often = [body for body, who in authors.items() if len(who) > 1 or counts[body] >= _OFTEN]
    names = tuple({clean(name) for who in authors.values() for name in who}) if often else ()
    return frozenset(body for body in often if not _is_event(body, names))


def _is_event(body: str, names: tuple[str, ...]) -> bool:
    """A marked body that is a notice: in known words, or about one of those who write."""
    return is_marked(body) and (is_notice(body) or clean(body).startswith(names))


def titles(rests: Sequence[str], suspected: Sequence[str], layout: Layout) -> frozenset[str]:
    """The names that are a group's and no person's; `suspected` are the suspects of `rests`.

    A candidate stands over the encryption notice or is named by an event. It is a group's name
    if it never has the body of a person, or in a chat of several people seldom.
    """
    candidates: set[str] = set()
    for rest in [*rests[:_UNMARKED_MAX], *filter(has_own_mark, suspected)]:
        author, end, body = _parted(rest, layout.author_end)
        if end and is_encryption_notice(body):
            candidates.add(clean(author))
        elif end and is_marked(body) and (named := group_name(body)):
            candidates.add(clean(named))
    if not candidates:
        return frozenset()
    spelled = {_parted(rest, layout.author_end)[0] for rest in rests}
    names = {raw: clean(raw) for raw in spelled}
    return frozenset(name for name in candidates if _is_title(name, names, rests, layout))


def _parted(rest: str, end: str) -> tuple[str, str, str]:
    """Author and body; a mark begins the body, so that the name before it may hold a colon."""
    author, found, body = rest.partition(end)
    if found and not is_marked(body) and has_own_mark(body):
        for mark in (LEFT_TO_RIGHT, RIGHT_TO_LEFT):
            more, colon, rest_of_body = body.partition(end + mark)
            if colon and "\n" not in more:
                return f"{author}{end}{more}", end, mark + rest_of_body
    return author, found, body


def _is_title(name: str, names: Mapping[str, str], rests: Sequence[str], layout: Layout) -> bool:
    bodies: list[str] = []
    others: set[str] = set()
    whole = name + layout.author_end
    has_colon = layout.author_end in name
    for rest in rests:
        author, end, body = _parted(rest, layout.author_end)
        if not end:
            continue
        if has_colon and rest.startswith(whole):
            bodies.append(rest[len(whole) :])
        elif names[author] == name:
            bodies.append(body)
        elif len(others) < _OTHERS_MAX and not is_marked(body):
            others.add(author)
    personal = sum(_is_by_a_person(body) for body in bodies)
    if personal and len(others) < _OTHERS_MAX:
        return False
    return bool(bodies) and personal * 2 <= len(bodies)


def _is_by_a_person(body: str) -> bool:
    if is_marked(body):
        return read_body(body, is_ios=True) is not None
    return not (is_encryption_notice(body) or ("\n" not in body and is_notice(body)))
