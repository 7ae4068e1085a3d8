"""The table of what WhatsApp itself writes: `phrases.tsv`, a row for each phrase.

Its kinds: `encrypted` holds beginnings, `security_code` and `deleted_by_admin` templates in
which `{}` stands for a name, `location`, `poll` and `attached` labels; all others whole bodies.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from app.chats.formats.tables import rows
from app.chats.formats.whatsapp.headers import MARKS

_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009\u2007", " "))
_CHARS_MAX = 1_000
_ENDS = " .。।۔"


def key(phrase: str) -> str:
    """`phrase` as it is compared: without direction marks, case and a full stop at its end.

    Nothing of what is longer than any phrase.
    """
    if len(phrase) > _CHARS_MAX:
        return ""
    return phrase.strip(MARKS).translate(_SPACES).strip().rstrip(_ENDS).casefold()


@cache
def table() -> tuple[tuple[str, str, str], ...]:
    """(language, kind, phrase) of every row."""
    return tuple(
        (language, kind, phrase) for language, kind, phrase in rows("whatsapp/phrases.tsv")
    )


@cache
def languages() -> dict[str, str]:
    """The languages of the table: their English names by tag."""
    return dict(rows("whatsapp/languages.tsv"))


def phrases(*kinds: str) -> tuple[str, ...]:
    """All phrases of these kinds, as they are written."""
    return tuple(phrase for _, kind, phrase in table() if kind in kinds)


def keys(*kinds: str) -> frozenset[str]:
    """All phrases of these kinds, as they are compared."""
    return frozenset(key(phrase) for phrase in phrases(*kinds))


def templates(*kinds: str) -> re.Pattern[str]:
    """Matches the beginning of a key in which a name, a group of its own, stands for each `{}` of
    a template."""
    by_start: defaultdict[bool, list[str]] = defaultdict(list)
    for phrase in phrases(*kinds):
        by_start[phrase.startswith("{}")].append(
            r"([^\n]{1,255}?)".join(map(re.escape, key(phrase).split("{}")))
        )
    return re.compile("|".join([*by_start[False], *by_start[True]]))


# What stands behind a phrase: it counts where a phrase is shorter than its head.
_AFTER = (".", "。", "।", "۔", ": https", "：https", " https")


def heads(found: Iterable[str], *, length: int) -> frozenset[str]:
    """The first letters of bodies that begin with a phrase, in each case in which it is met."""
    return frozenset(
        (form + end)[:length]
        for phrase in found
        for form in (phrase, phrase.capitalize(), phrase.lower(), phrase[:1].upper() + phrase[1:])
        for end in ("", *_AFTER)
    )
