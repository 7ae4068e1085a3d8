"""How people are found: e-mail addresses, and what they are called elsewhere."""

import re
from collections.abc import Iterable

from app.generation.model.redaction_accounts import Found
from app.generation.model.redaction_numbers import LETTER
from app.generation.model.redaction_words import HANDLE_PLACES, NO_HANDLES

_LOCAL = rf"(?:{LETTER}|[.+%-])"
_DOMAIN = rf"(?:{LETTER}|-){{1,63}}(?:\.(?:{LETTER}|-){{1,63}}){{1,8}}"
_EMAIL = rf"{_LOCAL}{{1,64}}@{_DOMAIN}"
_FOUND_EMAIL = re.compile(rf"(?<!{LETTER})\"[^\"\s]{{1,64}}\"@{_DOMAIN}|{_EMAIL}")
_FEDERATED = re.compile(rf"(?<![\w.@])@{_EMAIL}")
_AT_WORDS = (
    "arroba|arobase|chiocciola|ma[łl]pa|małpie|собака|apenstaartje|snabel-?a|kukac|zavinac|zavináč"
)
_DOT_WORDS = "dot|punkt|punto|point|ponto|kropka|точка|nokta|punt|piste|tečka|pont"
_ENDS = (
    "com|net|org|info|biz|edu|gov|io|me|app|dev|co|ac|eu|de|at|ch|fr|be|es|it|nl|pt|br|pl|tr|uk|ie|us|ca"
    "|mx|ar|cl|in|jp|cn|kr|ru|ua|au|nz|za|se|no|dk|fi|cz|sk|hu|ro|gr"
)
_HOSTS = (
    "gmail|googlemail|web|gmx|yahoo|ymail|outlook|hotmail|live|msn|icloud|mac|aol|proton(?:mail)?|mail"
    "|t-online|freenet|posteo|orange|free|wanadoo|laposte|sfr|libero|virgilio|alice|tiscali|wp|onet|interia"
    "|o2|yandex|sapo|uol|bol|ziggo|kpn|xs4all|naver|qq|docomo|rediffmail|btinternet|sky|zoho|fastmail"
)
_SPELT_LOCAL = rf"(?<!{LETTER})(?P<local>(?:{LETTER}|[.+%-]){{1,64}})"
_SPELT_DOT = (
    rf"(?:[ ]?[\[({{<][ ]?(?:{_DOT_WORDS}|\.)[ ]?[\])}}>][ ]?|[ _](?:{_DOT_WORDS})[ _]|[ ]?\.[ ]?)"
)
_SPELT_DOMAIN = (
    rf"(?P<domain>[^\W_](?:[^\W_]|-){{0,62}})(?:(?P<dot>{_SPELT_DOT})(?:[^\W_]|-){{2,63}}?){{0,3}}?"
    rf"(?P<last>{_SPELT_DOT})(?:{_ENDS})(?!{LETTER})"
)
_SPELT_EMAIL = re.compile(
    rf"{_SPELT_LOCAL}(?:[ ]?[\[({{<][ ]?(?:at|ät|a|@|{_AT_WORDS})[ ]?[\])}}>][ ]?"
    rf"|[ ](?:{_AT_WORDS})[ ]"
    rf"|(?P<spaced>[ ]@[ ])|(?P<under>_at_)|(?P<bare>[ ](?:at|ät)[ ])){_SPELT_DOMAIN}",
    re.IGNORECASE,
)
"""As people write an address that no program should read: anna (at) web (dot) de."""
_SPELT_HINT = re.compile(rf"{_DOT_WORDS}|\.[\])}}>]|[^\W_][ ]?\.[ ]?[^\W_]", re.IGNORECASE)
"""Without any of these there is no address to look for."""
_MAIL_HOST = re.compile(_HOSTS, re.IGNORECASE)
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
    """E-mail addresses, spelt ones too; and the names of accounts that look like one."""
    if "@" in text:
        for found in _FEDERATED.finditer(text):
            yield found.start(), found.end(), "handle"
        for found in _FOUND_EMAIL.finditer(text):
            yield found.start(), found.end(), "email"
    if _SPELT_HINT.search(text) is None:
        return
    for found in _SPELT_EMAIL.finditer(text):
        if _is_spelt(found):
            yield found.start(), found.end(), "email"


def _is_spelt(found: re.Match[str]) -> bool:
    """Meet me at google dot com is none."""
    if not found["bare"]:
        return True
    is_dotted = any(char.isalpha() for char in found["last"])
    known = _MAIL_HOST.fullmatch(found["domain"]) or "AT" in found["bare"]
    return is_dotted and bool(known or re.search(r"[\d._+-]", found["local"]))


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
