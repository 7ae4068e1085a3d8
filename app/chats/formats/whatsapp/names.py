"""Where the name of an author ends: names may hold a colon, and notices hold one too."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.chats.formats.whatsapp import phrase_table
from app.chats.formats.whatsapp.headers import MARKS, SPACES, Layout
from app.chats.formats.whatsapp.notices import (
    NOTICE_CHARS_MAX,
    is_notice,
    is_security_notice,
    subject_of_notice,
)
from app.chats.transcript import AUTHOR_CHARS_MAX, PARTICIPANTS_MAX, TooManyParticipants

# Spellings of names while reading: those of notices are among them.
NAMES_MAX = 2 * PARTICIPANTS_MAX
_NAME_TABLE = {ord(mark): None for mark in MARKS} | {ord(space): " " for space in SPACES}
_SECOND_COLON = re.compile(r"(?P<more>[^\n:\u200e\u200f<‹][^\n:]{0,49}): (?=\S|$)")
# What WhatsApp writes before a colon: `location: https://…`.
_LABELS = phrase_table.keys("location", "attached", "poll")
# The mark of the export begins a body, wherever colons stand before it; that of an edited message
# ends one.
_MARKED = re.compile(
    r"(?P<more>[^\n:]{1,50}(?:: [^\n:]{1,50}){0,3}): (?=[\u200e\u200f](?!<[^:：\n]*>$))"
)
_PARTS_MAX = 4
# A part more of a name that has several, so many lines prove.
_SURE, _PREFIX_CHARS_MAX = 3, 2
_QUOTES = '"“„«'
# What begins a quotation, and what ends it.
_QUOTATIONS = (('"', '"'), ("“", "”"), ("„", "“”"), ("«", "»"), ("「", "」"), ("『", "』"))
# Where the verb stands last, this stands behind the name of who did something.
_DID = re.compile(
    r"[^:]+?(?: (?:hat|haben|heeft|hebben) |さんが|님이 | ने |, (?=[^\n]* kişi\w+ ))[^:]*:"
)
# A name of so many words, under which one line stands, is rather a notice in unknown words.
_NAME_WORDS_MAX = 7
# A notice tells who did what to whom: fewer words than these are a name.
_NOTICE_WORDS_MIN = 3
# Whose line begins so, WhatsApp tells of the one who made the export.
_YOU = re.compile(
    r"(?i:you|your (?=chat|account)|you['’]re (?=now|no)|du hast|sie haben|has|vous avez|tu as|hai|"
    r"você|je hebt|u hebt|вы|ви|anda|du har)(?:(?<= )| )"
)
_WRITES_OFTEN = 3
_LOOKED_THROUGH_MAX = 64


@dataclass(slots=True)
class Names:
    """The names met so far. `known` maps a spelling to the name it means, and is read directly
    in the hot loop; a name with a colon is never in it."""

    rests: Sequence[str]
    layout: Layout
    known: dict[str, str] = field(default_factory=dict[str, str])
    _longer: dict[str, str] = field(default_factory=dict[str, str])
    _looked_through: int = 0

    def read(self, rest: str) -> tuple[str, str] | None:
        """Author and body of an entry whose author is new or written oddly; None if it has no
        author. Raises TooManyParticipants."""
        first, newline, more = rest.partition("\n")
        raw, end, body = self._parted(first)
        if not end or not clean(raw) or self._is_unsigned(first, raw, body):
            return None
        if raw not in self.known and raw not in self._longer:
            if len(self.known) + len(self._longer) >= NAMES_MAX:
                raise TooManyParticipants(participants_max=PARTICIPANTS_MAX)
            longer = self._longer_name(raw, body)
            if longer is None:
                self.known[raw] = clean(raw)
            else:
                self._longer[raw] = longer
        longer = self._longer.get(raw)
        if longer is None:
            return clean(raw), body + newline + more
        head = longer[len(raw) + len(end) :] + end
        if body.startswith(head):
            return clean(longer), body[len(head) :] + newline + more
        if not self.layout.is_ios and _is_about(head.removesuffix(end), body):
            return None
        return clean(raw), body + newline + more

    def _parted(self, first: str) -> tuple[str, str, str]:
        raw, end, body = first.partition(self.layout.author_end)
        if end:
            return raw, end, body
        if first.endswith(":"):
            return first[:-1], ":", ""
        raw, end, body = first.partition(":")
        # On iOS each line has an author; elsewhere "10:30" may stand in a notice.
        if end and (self.layout.is_ios or raw in self.known):
            return raw, end, body
        return first, "", ""

    def _is_unsigned(self, first: str, raw: str, body: str) -> bool:
        """A notice without an author whose words hold a colon: … changed the subject to "a: b".
        On iOS there is none."""
        if self.layout.signs_notices or raw in self.known or raw in self._longer:
            return False
        if is_security_notice(first) or self._is_about_another(raw, body):
            return True
        is_suspect = (
            (is_notice(raw) and not _is_short(raw))
            or _is_inside_a_quotation(raw, body)
            or (_DID.match(first[:NOTICE_CHARS_MAX]) is not None and is_notice(body))
            or (
                is_notice(first) and (any(q in raw for q in _QUOTES) or _YOU.match(raw) is not None)
            )
        )
        if not is_suspect and len(raw.split()) <= _NAME_WORDS_MAX:
            return False
        return self._count(raw + self.layout.author_end) < _WRITES_OFTEN

    def _is_about_another(self, raw: str, body: str) -> bool:
        """`ACME: Support joined using this group's invite link`, where nothing else stands under
        `ACME`, and `Support` does not write."""
        who, end = subject_of_notice(body), self.layout.author_end
        if who is None or who == raw or self._looked_through >= _LOOKED_THROUGH_MAX:
            return False
        self._looked_through += 1
        head = raw + end
        return not any(
            rest.startswith(who + end)
            or (rest.startswith(head) and subject_of_notice(rest[len(head) :]) is None)
            for rest in self.rests
        )

    def _count(self, head: str) -> int:
        self._looked_through += 1
        if self._looked_through > _LOOKED_THROUGH_MAX:
            return 0
        return sum(rest.startswith(head) for rest in self.rests)

    def _longer_name(self, raw: str, body: str) -> str | None:
        """`ACME: Support`, where all that stands under `ACME` begins with `Support: `, or a mark
        of the export or a notice proves it."""
        end = self.layout.author_end
        marked = _MARKED.match(body)
        is_hinted = (
            marked or _SECOND_COLON.match(body) or (not self.layout.is_ios and is_notice(body))
        )
        if not is_hinted or self._looked_through >= _LOOKED_THROUGH_MAX:
            return None
        self._looked_through += 1
        under = [rest for rest in self.rests if rest.startswith(raw + end)]
        if marked and all(rest.startswith(f"{raw}{end}{marked['more']}{end}") for rest in under):
            return f"{raw}{end}{marked['more']}"
        longer = raw
        for part in range(1, _PARTS_MAX):
            following = self._next_name(longer, under, least=min(part + 1, _SURE))
            if following is None:
                break
            longer = following
        return longer if longer != raw else None

    def _next_name(self, name: str, under: Sequence[str], *, least: int) -> str | None:
        """`name` and one part more, if `least` lines of all that stand under it bear that out."""
        head = name + self.layout.author_end
        bodies = [rest[len(head) :] for rest in under if rest.startswith(head)]
        parts = {found["more"] for found in map(_SECOND_COLON.match, bodies) if found}
        if len(parts) != 1:
            return None
        part = parts.pop()
        addressed = part + self.layout.author_end
        if phrase_table.key(part) in _LABELS or any(r.startswith(addressed) for r in self.rests):
            return None
        spoken = sum(body.startswith(part + self.layout.author_end) for body in bodies)
        others = [body for body in bodies if not body.startswith(part + self.layout.author_end)]
        if (self.layout.is_ios and others) or not all(_is_about(part, body) for body in others):
            return None
        longer = head + part
        if others or spoken >= (least if _is_like_a_name(part) else _SURE):
            return longer
        self._looked_through += 1
        is_told = any(longer in rest and not rest.startswith(longer) for rest in self.rests)
        return longer if is_told else None


def _is_like_a_name(part: str) -> bool:
    """`Support`, and not `Re`, `PS` or `note`."""
    return len(part) > _PREFIX_CHARS_MAX and part[0].isalpha() and not part[0].islower()


def _is_about(part: str, body: str) -> bool:
    """`Support left`: a notice about the name that ends with `part`."""
    return body.startswith(f"{part} ") and is_notice(body)


def _is_inside_a_quotation(raw: str, body: str) -> bool:
    """The colon between `raw` and `body` stands inside a quotation, so that it ends no name."""
    return any(
        opening in raw
        and any(mark in body for mark in closing)
        and (raw.count(opening) % 2 == 1 if opening in closing else not _closes(raw, closing))
        for opening, closing in _QUOTATIONS
    )


def _closes(raw: str, closing: str) -> bool:
    return any(mark in raw for mark in closing)


def _is_short(raw: str) -> bool:
    """Too short for a notice, in a script that has words."""
    return len(raw.split()) < _NOTICE_WORDS_MIN and raw.upper() != raw.lower()


def clean(raw: str) -> str:
    """A name without direction marks, in plain spaces, cut at AUTHOR_CHARS_MAX."""
    name = raw.translate(_NAME_TABLE).strip()
    return name[:AUTHOR_CHARS_MAX].strip()
