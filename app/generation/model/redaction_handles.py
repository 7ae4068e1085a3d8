"""How people are found: e-mail addresses, and what they are called elsewhere."""

import re
from collections.abc import Iterable

from app.generation.model.redaction_accounts import Found
from app.generation.model.redaction_numbers import LETTER
from app.generation.model.redaction_words import HANDLE_PLACES, NO_HANDLES

_LOCAL = rf"(?:{LETTER}|[.+%-])"
_EMAIL = rf"{_LOCAL}{{1,64}}@(?:{LETTER}|-){{1,63}}(?:\.(?:{LETTER}|-){{1,63}}){{1,8}}"
_FOUND_EMAIL = re.compile(_EMAIL)
_UPI = re.compile(
    r"(?<![\w.@-])[\w.-]{2,64}@(?:ok[a-z]{2,10}|[a-z]{0,10}bank|ybl|ibl|axl|apl|paytm|upi)(?![\w.@])"
)
_AT = re.compile(r"(?<![A-Za-z0-9_@./])@(?=[A-Za-z0-9_])(?P<who>[A-Za-z0-9_.-]{1,39}[A-Za-z0-9_])")
_TIME = re.compile(r"\d{1,2}(?:[.:]\d\d)?(?:am|pm|h|uhr|ish)?", re.IGNORECASE)
_TAG = re.compile(r"(?<![\w.#])[A-Za-z][A-Za-z0-9_.]{1,31}#\d{4}(?!\w)")
_NO_TAGS = frozenset(
    " ".join(
        ("order room no nr ticket issue bug invoice apt unit case item pedido commande zimmer",)
    ).split()
)
_ELSEWHERE = re.compile(
    rf"(?<!\w)(?:{HANDLE_PLACES})(?:[ ][^\W\d]{{1,8}}){{0,2}}?[ ]?(?:[:=][ ]?|[ ])"
    r"(?P<who>[A-Za-z0-9_][A-Za-z0-9_.-]{2,38}[A-Za-z0-9_])(?![\w@])",
    re.IGNORECASE,
)
_TOLD = re.compile(r"(?=.*[A-Za-z])(?=.*(?:[a-z][_.][a-z0-9]|[a-z]\d|\d[a-z]|_))", re.IGNORECASE)
_VERSION = re.compile(r"v?\d+(?:\.\d+)*[a-z]{0,4}", re.IGNORECASE)


def emails(text: str) -> Iterable[Found]:
    """E-mail addresses."""
    for found in _FOUND_EMAIL.finditer(text):
        yield found.start(), found.end(), "email"


def is_address(text: str) -> bool:
    """Whether the whole text is an e-mail address."""
    return re.fullmatch(_EMAIL, text) is not None


def handles(text: str) -> Iterable[Found]:
    """@name, name#1234, and names that follow the name of a place."""
    for found in _UPI.finditer(text):
        yield found.start(), found.end(), "handle"
    for found in _AT.finditer(text):
        who = found["who"]
        if len(who) > 2 and who.lower() not in NO_HANDLES and not _is_number(who):
            yield found.start(), found.end(), "handle"
    if "#" in text:
        for found in _TAG.finditer(text):
            if found[0].split("#")[0].lower() not in _NO_TAGS:
                yield found.start(), found.end(), "handle"
    for found in _ELSEWHERE.finditer(text):
        if _TOLD.match(found["who"]) and not _VERSION.fullmatch(found["who"]):
            yield found.start("who"), found.end("who"), "handle"


def _is_number(who: str) -> bool:
    return _TIME.fullmatch(who) is not None or who.isdigit()
