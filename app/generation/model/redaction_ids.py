"""Numbers that a state gives to a person: told by their checksums, their form, or a word before.

Where a checksum alone would take one in ten numbers of that length, a word or the usual form is
needed too.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from app.generation.model.redaction_accounts import Found, passes_luhn
from app.generation.model.redaction_numbers import LETTER
from app.generation.model.redaction_words import ID_SIGNS, ID_WORDS, ORDER_WORDS

WORD_BEFORE_MAX = 48
SAID_DIGITS_MIN = 5
MIXED_DIGITS_MIN = 3

_MANY_DIGITS = re.compile(r"\d(?:\D{0,2}\d){3}")
_ID_WORD = rf"(?:(?<!\w)(?:{ID_WORDS})(?!{LETTER})|{ID_SIGNS})"
_WORD = re.compile(rf"(?P<id>{_ID_WORD})|(?P<other>{ORDER_WORDS})", re.IGNORECASE)
_SAID = re.compile(
    rf"{_ID_WORD}(?:[ ]?[:#.,]|[ ][^\W\d]{{1,10}}[.°º]?[^\W\d]?(?!\w)){{0,4}}?[ :#]{{0,3}}"
    r"(?<![A-Za-z0-9])(?P<value>[A-Za-z]{0,3}\d[A-Za-z0-9]{0,11}(?:[ ./-]?\d[A-Za-z0-9]{0,8}){0,5}"
    r"(?:[ -]?[A-Za-z])?)(?!\w)",
    re.IGNORECASE,
)
"""With an error in it, or of a kind that has no checksum."""
_MIXED = re.compile(r"(?=.*[A-Z].*[A-Z])[A-Z0-9]{8,9}")
"""Passports of countries that number them by letters too."""
_MONTH = re.compile(r"(?:\d{1,2}[./-])?\d{1,2}[./-](?:\d\d){1,2}|\d{4}-\d\d(?:-\d\d)?")
"""When a passport ends."""
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_CF_ODD = (
    *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18),
    *(20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
)
"""Of the letters A to Z; of the digits the first ten."""
_CURP_SIGNS = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
_VERHOEFF_TABLE = (
    *("0123456789", "1234067895", "2340178956", "3401289567", "4012395678"),
    *("5987604321", "6598710432", "7659821043", "8765932104", "9876543210"),
)
_VERHOEFF_TURNS = (
    *("0123456789", "1576283094", "5803796142", "8916043527"),
    *("9453126870", "4286573901", "2793806415", "7046913258"),
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """`check` gets the number without separators, in capitals."""

    form: re.Pattern[str]
    check: Callable[[str], bool]
    needs_word: bool = False


def ids(text: str) -> Iterable[Found]:
    """Such numbers in the shadow of a text."""
    if _MANY_DIGITS.search(text) is None:
        return
    for kind in _KINDS:
        for found in kind.form.finditer(text):
            said = _said_before(text, found.start())
            if (said != "other" and not kind.needs_word) or said == "id":
                compact = re.sub(r"[^A-Za-z0-9]", "", found[0]).upper()
                if kind.check(compact):
                    yield found.start(), found.end(), "id"
    for found in _SAID.finditer(text):
        value = found["value"]
        digits = sum(char.isdigit() for char in value)
        is_mixed = _MIXED.fullmatch(value) is not None and digits >= MIXED_DIGITS_MIN
        if (digits >= SAID_DIGITS_MIN or is_mixed) and not _MONTH.fullmatch(value):
            yield *found.span("value"), "id"


def _said_before(text: str, start: int) -> str | None:
    before = text[max(start - WORD_BEFORE_MAX, 0) : start]
    said = {word.lastgroup for word in _WORD.finditer(before)}
    return "id" if "id" in said else "other" if said else None


def _is_dni(text: str) -> bool:
    digits = str("XYZ".find(text[0])) + text[1:-1] if text[0] in "XYZ" else text[:-1]
    return _DNI_LETTERS[int(digits) % 23] == text[-1]


def _is_codice_fiscale(text: str) -> bool:
    values = [int(char, 36) - (10 if char.isalpha() else 0) for char in text[:15]]
    total = sum(value if place % 2 else _CF_ODD[value] for place, value in enumerate(values))
    return chr(ord("A") + total % 26) == text[15]


def _is_nir(text: str) -> bool:
    number = text[:13].replace("2A", "19").replace("2B", "18")
    return number.isdigit() and text[13:].isdigit() and 97 - int(number) % 97 == int(text[13:])


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _is_cpf(text: str) -> bool:
    if len(set(text)) == 1:
        return False
    for length in (9, 10):
        check = _weighted(text, range(length + 1, 1, -1)) * 10 % 11 % 10
        if check != int(text[length]):
            return False
    return True


def _is_cnpj(text: str) -> bool:
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    for length in (12, 13):
        rest = _weighted(text, weights[13 - length :]) % 11
        if (0 if rest < 2 else 11 - rest) != int(text[length]):
            return False
    return True


def _is_bsn(text: str) -> bool:
    return int(text) > 0 and _weighted(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _is_nif(text: str) -> bool:
    rest = _weighted(text[:8], range(9, 1, -1)) % 11
    return (0 if rest < 2 else 11 - rest) == int(text[8])


def _is_pesel(text: str) -> bool:
    month = int(text[2:4]) % 20
    is_date = 1 <= month <= 12 and 1 <= int(text[4:6]) <= 31
    return is_date and _weighted(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def _is_personnummer(text: str) -> bool:
    digits = text[-10:]
    is_date = 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) % 60 <= 31
    return is_date and passes_luhn(digits)


def _is_ssn(text: str) -> bool:
    return (
        text[:3] not in ("000", "666")
        and text[0] != "9"
        and text[3:5] != "00"
        and (text[5:] != "0000")
    )


def _is_aadhaar(text: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(text)):
        check = int(_VERHOEFF_TABLE[check][int(_VERHOEFF_TURNS[place % 8][int(digit)])])
    return check == 0


def _is_steuer_id(text: str) -> bool:
    product = 10
    for digit in text[:10]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(text[10])


def _is_tc(text: str) -> bool:
    digits = [int(char) for char in text]
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def _is_za(text: str) -> bool:
    is_date = 1 <= int(text[2:4]) <= 12 and 1 <= int(text[4:6]) <= 31
    return is_date and text[10] in "012" and passes_luhn(text)


def _is_curp(text: str) -> bool:
    total = sum(_CURP_SIGNS.index(char) * (18 - place) for place, char in enumerate(text[:17]))
    return str((10 - total % 10) % 10) == text[17]


def _is_rfc(text: str) -> bool:
    return 1 <= int(text[6:8]) <= 12 and 1 <= int(text[8:10]) <= 31


def _is_nhs(text: str) -> bool:
    return (11 - _weighted(text, range(10, 1, -1)) % 11) % 11 == int(text[9])


def _is_my_number(text: str) -> bool:
    rest = _weighted(text[:11], (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return (0 if rest < 2 else 11 - rest) == int(text[11])


def _is_tfn(text: str) -> bool:
    return _weighted(text, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _is_ahv(text: str) -> bool:
    return _weighted(text, (1, 3) * 6 + (1,)) % 10 == 0


def _always(_text: str) -> bool:
    return True


def _form(pattern: str, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    before, after = rf"(?<!{LETTER})(?<![.,+/-])(?<!\d[ ])", rf"(?!{LETTER})(?![/-]|[., ]\d)"
    return re.compile(rf"{before}(?:{pattern}){after}", flags)


_KINDS = (
    _Kind(_form(r"(?:\d{8}|\d{2}\.\d{3}\.\d{3}|[XYZ][ -]?\d{7})[ -]?[A-Z]"), _is_dni),
    _Kind(_form(r"[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]"), _is_codice_fiscale),
    _Kind(_form(r"[12][ ]?\d\d[ ]?\d\d[ ]?(?:\d\d|2[AB])[ ]?\d{3}[ ]?\d{3}[ /]?\d\d"), _is_nir),
    _Kind(_form(r"\d{3}\.\d{3}\.\d{3}-\d\d"), _is_cpf),
    _Kind(_form(r"\d{11}"), _is_cpf, needs_word=True),
    _Kind(_form(r"\d\d\.?\d{3}\.?\d{3}/?\d{4}-?\d\d"), _is_cnpj),
    _Kind(_form(r"\d{4}[ .]?\d\d[ .]?\d{3}|\d{3}[ .]\d{3}[ .]\d{3}"), _is_bsn, needs_word=True),
    _Kind(_form(r"\d{3}[ .]?\d{3}[ .]?\d{3}"), _is_nif, needs_word=True),
    _Kind(_form(r"\d{11}"), _is_pesel),
    _Kind(_form(r"(?:19|20)?\d{6}[-+]\d{4}"), _is_personnummer),
    _Kind(_form(r"(?:19|20)?\d{10}"), _is_personnummer, needs_word=True),
    _Kind(_form(r"\d{3}-\d\d-\d{4}"), _is_ssn),
    _Kind(_form(r"\d{3}[ ]?\d\d[ ]?\d{4}"), _is_ssn, needs_word=True),
    _Kind(_form(r"[2-9]\d{3}[ -]\d{4}[ -]\d{4}"), _is_aadhaar),
    _Kind(_form(r"[2-9]\d{11}"), _is_aadhaar, needs_word=True),
    _Kind(_form(r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", re.NOFLAG), _always),
    _Kind(_form(r"[1-9]\d[ ]\d{3}[ ]\d{3}[ ]\d{3}"), _is_steuer_id),
    _Kind(_form(r"[1-9]\d{10}"), _is_steuer_id, needs_word=True),
    _Kind(
        _form(r"(?![DFIQUV])[A-Z](?![DFIOQUV])[A-Z][ ]?\d\d[ ]?\d\d[ ]?\d\d[ ]?[A-D]", re.NOFLAG),
        _always,
    ),
    _Kind(_form(r"[1-9]\d{10}"), _is_tc),
    _Kind(_form(r"\d{6}[ ]?\d{4}[ ]?[012][ ]?\d[ ]?\d|\d{6}[ ]\d{4}[ ][012]\d\d"), _is_za),
    _Kind(_form(r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d"), _is_curp),
    _Kind(_form(r"[A-ZÑ&]{4}\d{6}[A-Z0-9]{3}", re.NOFLAG), _is_rfc),
    _Kind(_form(r"\d{3}[ -]?\d{3}[ -]?\d{4}"), _is_nhs, needs_word=True),
    _Kind(_form(r"\d{4}[ -]?\d{4}[ -]?\d{4}"), _is_my_number, needs_word=True),
    _Kind(_form(r"\d{3}[ ]?\d{3}[ ]?\d{3}"), _is_tfn, needs_word=True),
    _Kind(_form(r"756[ .]?\d{4}[ .]?\d{4}[ .]?\d\d"), _is_ahv),
)
