"""What opens something: keys of programs, passwords, and codes that are used once."""

import re
from collections.abc import Iterable
from itertools import pairwise

from app.generation.model.redaction_accounts import Found
from app.generation.model.redaction_numbers import LETTER
from app.generation.model.redaction_words import (
    CODE_WORDS,
    IS_WORDS,
    NO_CODE_AFTER,
    NO_CODE_BEFORE,
    NO_CODE_BETWEEN,
    PASSWORD_WORDS,
    PIN_WORDS,
    PLAIN_WORDS,
    SEED_WORDS,
    SIGNS_OF_ONE,
)

DRAWN_MIN, HEX_MIN = 20, 32
SWITCHES_MIN = 0.28
"""Of characters drawn by lot, six in ten are of another class than the one before; in words
and dates put together, two in ten."""
CODE_DIGITS_MIN, CODE_DIGITS_MAX = 4, 8

_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----[A-Za-z0-9+/=\s:,.\\-]{0,20000}")
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:sk|pk|rk|whsec)[-_](?:[a-z0-9]{2,10}[-_]){0,3}[A-Za-z0-9_-]{16,250}"
    r"|gl[a-z]{2,6}-[A-Za-z0-9_-]{20}(?![A-Za-z0-9])|dckr_pat_[A-Za-z0-9_-]{20,60}"
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,60}|xox[a-z]-[A-Za-z0-9-]{10,250}"
    r"|(?:hf|npm|dop_v1|shpat|shpss|figd|lin_api|pat)_[A-Za-z0-9]{16,255}"
    r"|hv[sbr]\.[A-Za-z0-9_-]{20,250}|AGE-SECRET-KEY-1[A-Z0-9]{40,80}"
    r"|\d{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"
    r"|[MNO][A-Za-z0-9_-]{23,28}\.[A-Za-z0-9_-]{6,7}\.[A-Za-z0-9_-]{27,45}"
    r"|ya29\.[A-Za-z0-9_-]{16,250}"
    r"|pypi-[A-Za-z0-9_-]{16,250}|SG\.[A-Za-z0-9_-]{16,100}\.[A-Za-z0-9_-]{16,100}"
    r"|eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{4,4000}(?:\.[A-Za-z0-9_-]{0,4000})?)"
)
_DRAWN = re.compile(
    r"(?<![A-Za-z0-9+/_.@-])"
    rf"(?:[A-Za-z0-9][A-Za-z0-9+/_-]{{{DRAWN_MIN - 1},4000}}={{0,2}}|[+/][A-Za-z0-9+/]{{19,4000}}=)"
)
_DIGEST = re.compile(
    r"(?:\b(?:commits?|rev(?:ision)?|checksum|digest|hash|md5|git)\b|\bsha-?\d{0,3})\W{0,3}(?:\w+\W){0,2}$",
    re.IGNORECASE,
)
"""What a hexadecimal number behind it opens nothing with."""
_HEX = re.compile(r"[0-9a-fA-F]+")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

_IS = (
    rf"(?:[ ]?[:=]+>?[ ]?|[ ]-+>?[ ]|[ ](?:{IS_WORDS})[ ]+(?:[:=][ ]?)?"
    r"|'s[ ]+|は[ :]?|是[ :]?|[은는][ ]?)"
)
_FILLED = r"(?:[ ][^\W\d]{1,14}){0,4}?"
_VALUE = r"(?P<value>[^\s]{3,64})"
_TOLD = r"(?=\S{0,63}[\d\"!#$%&*+=@^_{}~])"
"""What is not said to be the password must have a digit or a sign in it."""
_PASSWORD = re.compile(
    rf"(?:(?<!\w)(?:\w{{1,12}}-)?(?:{PASSWORD_WORDS})(?!{LETTER})|{SIGNS_OF_ONE})"
    rf"(?:(?P<filler>{_FILLED})(?P<linked>{_IS})|[ ]+(?:[^\W\d]{{1,14}}[ ]){{0,3}}?{_TOLD})"
    rf"(?:\"(?P<quoted>[^\"\n]{{3,64}})\"|{_VALUE})",
    re.IGNORECASE,
)
_WIFI = re.compile(
    r"(?<!\w)(?:\w{1,10}[ -])?(?:wi-?fi|wlan)(?:[ -]?(?:key|code|schlüssel|schluessel|clé"
    rf"|clave|chiave|sleutel|klucz))?{_IS}(?![TSPH]:)\"?{_VALUE}",
    re.IGNORECASE,
)
"""Of a network it must look like a password: the wifi is much else too."""
_WIFI_QR = re.compile(r"\bWIFI:[^\n]{0,200}?\bP:(?P<value>(?:\\.|[^;\\\n]){1,64});", re.IGNORECASE)
_SEED = re.compile(rf"(?:{SEED_WORDS})(?:{_IS}|\n)[ ]?(?P<value>[^\n]{{3,300}})", re.IGNORECASE)
_SAID_AFTER = re.compile(
    rf"(?<!\S)(?P<value>\S{{4,64}})[ ](?:{IS_WORDS})[ ]\w{{1,6}}[ ](?:\w{{1,12}}[ ]){{0,2}}?"
    rf"(?:{PASSWORD_WORDS})(?!\w)",
    re.IGNORECASE,
)
_TELLING = re.compile(
    rf"pass|pw|p/w|pa\$\$w|wi-?fi|wlan|kennw|parol|mdp|contra|clave|senha|woord|ww|has[łl]|[sş]ifre|l[oö]senord|kode|salas"
    rf"|heslo|jelsz|sandi|mật|парол|κωδ|phrase|mnemonic|frase|{SIGNS_OF_ONE}",
    re.IGNORECASE,
)
"""Without any of these there is no password to look for."""

_DIGITS = (
    rf"(?P<code>\d{{{CODE_DIGITS_MIN},{CODE_DIGITS_MAX}}}|\d{{2,4}}(?:[ -]\d{{2,4}}){{1,3}}"
    r"|\d(?:[ -]\d){3,7}(?![ -]?\d))"
)
_END = rf"(?!{LETTER}|[%€$£])(?!\.?\d|,\d+(?![\d分])|[ ]?(?:€|\$|[-/:]\d))"
_CODE = re.compile(
    rf"(?:(?P<no>(?:{NO_CODE_BEFORE})[ -]?)?(?:{CODE_WORDS}))(?![ ](?:{NO_CODE_AFTER})\b)"
    rf"(?P<between>[^\d\n.!?]{{0,40}}?)(?<![\d.,#$€£]){_DIGITS}{_END}",
    re.IGNORECASE,
)
_PIN = re.compile(
    rf"(?:{PIN_WORDS})(?:[^\d\n.!?]{{0,24}}?{_IS}(?P<code>\d{{4,8}})|[ ](?P<short>\d{{4}})){_END}",
    re.IGNORECASE,
)
_CODE_AFTER = re.compile(
    rf"(?<![\w.,#$€£+-])(?:G-)?{_DIGITS}[ ](?:{IS_WORDS})[ ](?:\w{{1,12}}[ ])"
    rf"{{0,3}}?(?:{CODE_WORDS})",
    re.IGNORECASE,
)
_ALONE = re.compile(r"\s*(?:G-)?(?P<code>\d{3}[ -]?(?!000)\d{3})\s*")
"""A message that has nothing else in it. Round numbers count something."""
_LINKED = re.compile(rf"(?:{_IS})[\[(\"]?$", re.IGNORECASE)
_WORDS = re.compile(r"\w+")
_ADJECTIVE = re.compile(r"[a-z]{3,12}(?:ing|able|ible|ous|ful|less|ish)")
_NUMBER = re.compile(r"(?!(?:19|20)\d\d$)\d{4,8}")
"""Of a lock or a network, with no word between; years are none."""
_QUOTES = "\"'`*_()[]<>"
_STOPS = ".,;:!?"


def is_drawn_by_lot(text: str) -> bool:
    """Whether the text is no word, name or number, but looks like a key."""
    if _UUID.fullmatch(text):
        return False
    if _HEX.fullmatch(text):
        return len(text) >= HEX_MIN and len(re.findall(r"\d+", text)) >= 6
    if not any(map(str.isalpha, text)) or len(re.findall(r"\d+", text)) < 2:
        return False
    classes = [
        "u" if c.isupper() else "l" if c.islower() else "d" if c.isdigit() else "" for c in text
    ]
    switches = sum(a != b for a, b in pairwise(classes) if a and b)
    return switches >= SWITCHES_MIN * len(text)


def keys(text: str) -> Iterable[Found]:
    """PEM blocks, and keys that are told by how they begin."""
    for found in _PEM.finditer(text):
        end = found[0].find("-----END")
        end = found[0].find("-----", end + 8) + 5 if end >= 0 else 0
        yield found.start(), found.start() + (end if end > 5 else len(found[0].rstrip())), "key"
    for found in _KEY.finditer(text):
        yield found.start(), found.end(), "key"


def drawn(text: str) -> Iterable[Found]:
    """Keys that are told by nothing but their disorder."""
    for found in _DRAWN.finditer(text):
        before = text[max(found.start() - 24, 0) : found.start()]
        is_digest = _HEX.fullmatch(found[0]) and _DIGEST.search(before)
        if is_drawn_by_lot(found[0]) and not is_digest:
            yield found.start(), found.end(), "key"


def passwords(text: str) -> Iterable[Found]:
    """Words of which the text says that they are a password."""
    if not _TELLING.search(text):
        return
    for found in _SEED.finditer(text):
        yield found.start("value"), found.end("value"), "password"
    for found in _WIFI_QR.finditer(text):
        yield *found.span("value"), "password"
    for found in _PASSWORD.finditer(text):
        if found["quoted"]:
            yield *found.span("quoted"), "password"
            continue
        start, value = _bare(found.start("value"), found["value"])
        if _is_password(text, start, value, linked=found["linked"] or ""):
            yield start, start + len(value), "password"
    for found in (*_SAID_AFTER.finditer(text), *_WIFI.finditer(text)):
        start, value = _bare(found.start("value"), found["value"])
        if looks_secret(value):
            yield start, start + len(value), "password"


def _bare(start: int, value: str) -> tuple[int, str]:
    """Without quotes around it, nor the end of a sentence; nor the Japanese or Korean for "is"."""
    opened = value.lstrip(_QUOTES)
    start += len(value) - len(opened)
    bare = opened.rstrip(_QUOTES + _STOPS) + _marks_within(opened)
    return start, re.sub(r"(?<=[!-~])(?:です|だよ|だ|よ|입니다|이야|야)$", "", bare)


def _marks_within(value: str) -> str:
    """A mark at the end belongs to a password where others stand inside of it: none here."""
    return "!" if value.endswith("!") and re.search(r"\d", value) and len(value) > 6 else ""


def _is_password(text: str, start: int, value: str, *, linked: str) -> bool:
    if len(value) < 3 or _WORDS.search(value) is None:
        return False
    if looks_secret(value):
        return True
    is_said = any(mark in linked for mark in ":=")
    if not linked:
        before = text[:start].rstrip(" ").casefold()
        return _NUMBER.fullmatch(value) is not None and not before.endswith("pass")
    if value.casefold() in PLAIN_WORDS or (not is_said and _ADJECTIVE.fullmatch(value)):
        return False
    if is_said:
        return True
    after = text[start + len(value) :].lstrip(" ")
    return (not after or after[0] in _STOPS + "\n)") and len(value) > 3


def looks_secret(text: str) -> bool:
    """Letters with digits or signs among them, as few words have."""
    has_letter, has_digit = any(map(str.isalpha, text)), any(map(str.isdigit, text))
    has_sign = any(not char.isalnum() and char not in "'-_.,/…:" for char in text[:-1])
    if len(text) < 5 or "\0" in text or "://" in text:
        return False
    return has_letter and (has_digit or has_sign) and not re.fullmatch(r"\d+\w{1,3}", text)


def codes(text: str) -> Iterable[Found]:
    """Numbers of four to eight digits of which the text says that they are a code; and six digits
    that are all that is said."""
    alone = _ALONE.fullmatch(text)
    if alone is not None:
        yield *alone.span("code"), "code"
    for found in _CODE.finditer(text):
        if not found["no"] and _leads_to_code(found["between"], found["code"]):
            yield found.start("code"), found.end("code"), "code"
    for found in _PIN.finditer(text):
        yield *found.span("code" if found["code"] else "short"), "code"
    for found in _CODE_AFTER.finditer(text):
        if CODE_DIGITS_MIN <= _count(found["code"]) <= CODE_DIGITS_MAX:
            yield *found.span("code"), "code"


def _leads_to_code(between: str, code: str) -> bool:
    if not CODE_DIGITS_MIN <= _count(code) <= CODE_DIGITS_MAX:
        return False
    words = _WORDS.findall(between.casefold())
    if _LINKED.search(between):
        return not NO_CODE_BETWEEN.intersection(words[-1:])
    is_year = re.fullmatch(r"(?:19|20)\d\d", code) is not None
    return not is_year and len(words) <= 4 and NO_CODE_BETWEEN.isdisjoint(words)


def _count(text: str) -> int:
    return sum(char.isdigit() for char in text)
