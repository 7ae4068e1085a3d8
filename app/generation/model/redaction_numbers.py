"""Telephone numbers and payment cards among the other numbers of a chat.

A number is a telephone's by its form (a country's code, a leading 0, groups as some country
writes them) or by a word before it; another word, a unit or a currency say that it is not.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from app.generation.model.redaction_accounts import Found, is_card
from app.generation.model.redaction_words import AMOUNT_WORDS, ORDER_WORDS, PHONE_WORDS

PHONE_DIGITS_MIN, PHONE_DIGITS_MAX = 7, 15
BARE_DIGITS_MIN, BARE_DIGITS_MAX = 9, 12
GROUPS_MAX = 12
BEFORE_MAX, AFTER_MAX = 40, 16

UNSPACED = r"\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
LETTER = rf"(?-i:[^\W{UNSPACED}])"
"""Of a script that sets spaces between words, a digit or an underscore.

The case of what it leaves out does not matter, and `re` needs three times as long to find that out.
"""

_RUN = re.compile(
    rf"(?<!{LETTER})(?<!\d[.,])(?<![#$€£₹¥-])[+(]?\d[\d\s.()/-]{{5,40}}\d(?!{LETTER})(?![.,:]\d)"
)
_DATE = re.compile(
    r"(?<![\d])(?<!\d[-./])(?:(?:19|20)\d\d([-./])[01]?\d\1[0-3]?\d"
    r"|[0-3]?\d([-./])[0-3]?\d\2(?:(?:19|20)\d\d|\d\d))(?!\d|[-./]\d)"
)
_TIME = re.compile(r"(?<![\d:])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?:\.\d{1,3})?(?![\d:])")
_DECIMAL = re.compile(r"(?<![\d.,])-?(?:0|[1-9]\d{0,2})[.,]\d{4,40}(?![.,]?\d)")
_AMOUNT = re.compile(r"\d{1,3}(?:[. ]\d{3})+")
_GROUP = re.compile(r"\d+")
_INTERNATIONAL = re.compile(r"(?:\+|00)[\s.()/-]{0,3}[1-9]")
_TRUNK = re.compile(r"\+\d{1,3}[ -]?\(0\)\d")
"""+61 (0)2 and so on: the 0 that a call from abroad leaves out."""
_ISBN = re.compile(r"97[89]")
_SHAPES: dict[tuple[int, ...], str] = {
    (3, 3, 4): "[2-9]", (1, 3, 3, 4): "1", (5, 5): "[6-9]", (2, 4, 4): "[1-9]",
    (3, 3, 3): "[2-9]", (3, 2, 2, 2): "[2-9]", (2, 3, 2, 2): "[2-9]", (2, 7): "[2-9]",
    (3, 7): "3", (3, 3, 2, 2): "[35]", (3, 2, 2, 3): "3", (2, 5, 4): "[1-9]", (5, 4): "9",
    (3, 4, 4): "1[3-9]", (1, 3, 3, 2, 2): "8", (4, 3, 3): "1[38]00", (1, 3, 7): "1",
    (3, 4, 3): "[2-9]", (2, 1, 4, 4): "[1-9]{2}9",
}  # fmt: skip
"""How countries write their numbers without a leading 0: lengths of groups, and first digits."""
_COUNTED = "1234567890"
"""Digits in a row, as people type them to try a keyboard."""
_LOCAL = re.compile(r"555-\d{4}|[2-9]\d\d-\d{2}(?!00|50)\d\d")
_WORD_BEFORE = re.compile(
    rf"(?P<phone>{PHONE_WORDS})|(?P<other>{ORDER_WORDS}|\b{AMOUNT_WORDS}\b)", re.IGNORECASE
)
_UNIT_AFTER = re.compile(rf"[ ]?(?:[%°€$£₹¥人円元万個]|(?:{AMOUNT_WORDS})\b)", re.IGNORECASE)
_CURRENCY_BEFORE = re.compile(
    r"(?:[€$£₹¥]|\bR|R\$|\b(?:EUR|USD|GBP|CHF|INR|TL|Rs\.?)|\d[ ]?=)[ ]?$"
)


def numbers(text: str) -> Iterable[Found]:
    """Cards and telephone numbers in the shadow of a text."""
    masked = text
    for pattern in (_DATE, _TIME, _DECIMAL):
        masked = pattern.sub(lambda found: "\0" * len(found[0]), masked)
    for run in _RUN.finditer(masked):
        yield from _in_run(text, run.start(), run[0])


def kind_of_number(text: str) -> str | None:
    """ "card", "phone", or None; `text` is nothing but the number."""
    digits, groups = _digits(text)
    if is_card(digits, (len(digits),)):
        return "card"
    if not PHONE_DIGITS_MIN <= len(digits) <= PHONE_DIGITS_MAX or is_date_or_amount(text):
        return None
    return None if _is_listed(text, groups) else "phone"


def is_date_or_amount(text: str) -> bool:
    """Whether the whole text is one: its digits are not sent."""
    return bool(
        _DATE.fullmatch(text)
        or (_AMOUNT.fullmatch(text) and not (len(text) == 11 and _is_phone_shape(*_digits(text))))
        or re.fullmatch(r"(?:19|20)\d\d[01]\d[0-3]\d", text)
    )


def phone_digits(name: str) -> str | None:
    """The digits of a participant who is known by a telephone number alone."""
    if any(char.isalpha() for char in name):
        return None
    digits = significant(name)
    return digits if PHONE_DIGITS_MIN <= len(digits) <= PHONE_DIGITS_MAX else None


def significant(text: str) -> str:
    """The digits of `text` without leading zeros."""
    return "".join(str(int(char)) for char in text if char.isdecimal()).lstrip("0")


def _in_run(text: str, start: int, run: str) -> Iterable[Found]:
    """The whole run if it is a number, otherwise those that stand in it one after the other."""
    context = _context(text, start, start + len(run))
    kind = _kind(run, context, is_alone=text.strip() == run)
    if kind is not None:
        yield start, start + len(run), kind
        return
    groups = list(_GROUP.finditer(run))[:GROUPS_MAX]
    at = 0
    while at < len(groups):
        for last in range(len(groups), at, -1):
            begin = groups[at].start()
            begin -= 1 if run[max(begin - 1, 0)] in "+(" and begin else 0
            piece = run[begin : groups[last - 1].end()]
            kind = _kind_of_part(run, begin, begin + len(piece), context)
            if kind is not None and last - at < len(groups):
                yield start + begin, start + begin + len(piece), kind
                at = last - 1
                break
        at += 1


def _kind_of_part(run: str, begin: int, end: int, context: str | None) -> str | None:
    """Of a part that stands by itself: 10.0.1904.380 has none."""
    if (begin and not run[begin - 1].isspace()) or run[end : end + 1].strip() != "":
        return None
    return _kind(run[begin:end], context, is_alone=False, is_part=True)


def _kind(text: str, context: str | None, *, is_alone: bool, is_part: bool = False) -> str | None:
    digits, groups = _digits(text)
    if is_card(digits, groups) and not (context == "other" and len(groups) == 1):
        return "card"
    if not PHONE_DIGITS_MIN <= len(digits) <= PHONE_DIGITS_MAX or _is_listed(text, groups):
        return None
    is_asked = text[0] == "+" or context != "other"
    if is_asked and _INTERNATIONAL.match(text) and _is_international(text, digits):
        return "phone"
    if context == "other" or is_date_or_amount(text):
        return None
    if context == "phone" and not is_part:
        return "phone"
    if _is_phone_shape(digits, groups) or _is_national(text, digits, groups):
        return "phone"
    if is_part or context == "unit" or _COUNTED.startswith(text):
        return None
    is_bare = len(groups) == 1 and BARE_DIGITS_MIN <= len(digits) <= BARE_DIGITS_MAX
    return "phone" if is_bare or is_alone or _LOCAL.fullmatch(text) else None


def _is_international(text: str, digits: str) -> bool:
    return text.startswith("+") or len(digits) >= 2 + 10 - (len(_digits(text)[1]) > 1)


def _is_national(text: str, digits: str, groups: tuple[int, ...]) -> bool:
    """With a leading 0, or an area's code in brackets."""
    if len(groups) > 1 and min(groups[1:]) < 2:
        return False
    if re.match(r"\(\d{2,5}\)", text):
        return 8 <= len(digits) <= 11
    return digits[0] == "0" and digits[1] != "0" and 9 <= len(digits) <= 12


def _is_phone_shape(digits: str, groups: tuple[int, ...]) -> bool:
    begins = _SHAPES.get(groups)
    if begins is None or re.match(begins, digits) is None:
        return False
    return not (groups == (3, 3, 3) and digits.endswith("000"))


def _is_listed(text: str, groups: tuple[int, ...]) -> bool:
    """Years, scores, versions, addresses of machines and ISBNs: many small numbers, or known."""
    parts = _GROUP.findall(text)
    if text[0] not in "0+(" and _is_sequence(list(map(int, parts))):
        return True
    if all(re.fullmatch(r"1\d{3}|20\d\d|21\d\d|\d000", part) for part in parts):
        return True
    if _TRUNK.match(text):
        groups = groups[2:]
    if len(groups) > 2 and sum(size == 1 for size in groups[1:]) > (len(groups) - 1) // 3:
        return True
    if len(parts) == 4 and "." in text and all(int(part) < 256 for part in parts):
        return not any(len(part) == 2 for part in parts)
    is_paired = set(groups) == {2} and len(groups) >= 4 and text[0] not in "0+("
    if is_paired and len(set(re.findall(r"\D+", text))) > 1:
        return True
    return bool(_ISBN.match(text)) and len("".join(parts)) == 13


def _is_sequence(values: Sequence[int]) -> bool:
    """Whether each is as much more than the one before, or twice as much."""
    pairs = list(pairwise(values))
    if len(values) >= 3 and all(after == 2 * before for before, after in pairs):
        return True
    return len(values) >= 4 and len({after - before for before, after in pairs}) == 1


def _context(text: str, start: int, end: int) -> str | None:
    """What the words around say the number is: "phone", "other", "unit", or nothing."""
    before = text[max(start - BEFORE_MAX, 0) : start]
    if _CURRENCY_BEFORE.search(before) or _UNIT_AFTER.match(text, end, end + AFTER_MAX):
        return "other"
    said = None
    for word in _WORD_BEFORE.finditer(before):
        said = word.lastgroup
    return said


def _digits(text: str) -> tuple[str, tuple[int, ...]]:
    """The digits, and the lengths of the groups they stand in."""
    parts = _GROUP.findall(text)
    return "".join(parts), tuple(map(len, parts))
