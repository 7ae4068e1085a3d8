"""What a provider must not see: who the people are, and how they are reached or paid.

Participants become P1, P2 …, numbers and addresses become placeholders such as [PHONE_1]; an
answer that names them is refused before it is stored. People who are spoken of but do
not write keep their names: nothing tells them from other words.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from app.chats.names import printable

PARTS_MIN_CHARS = 2
PHONE_DIGITS_MIN, PHONE_DIGITS_MAX = 7, 15
CARD_DIGITS_MIN, CARD_DIGITS_MAX = 13, 19
IBAN_DIGITS_MIN = 10

_GAP = r"\s.()/\u00a0\u202f\u2010-\u2013\u202a-\u202e\u2066-\u2069-"
_LITERAL = r"(?P<word>(?<!\w)P\d+|\[[A-Z]+_\d+\])"
_URL = (
    r"(?P<url>(?i:[a-z][a-z0-9+.-]{1,20}://[^\s/@]{1,200}@\S{1,500}"
    r"|https?://\S{1,500}?[?&#](?:token|key|sig|signature|pass|password|passwd|pwd|secret|code"
    r"|auth|access_token|api_key|apikey|session|invite)=\S{0,500}))"
)
_EMAIL = r"(?P<email>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})"
_IBAN = r"(?P<iban>(?i:\b[a-z]{2}\d{2}(?:[ ]?[a-z0-9]{4}){2,7}(?:[ ]?[a-z0-9]{1,4})?\b))"
_DIGITS = rf"(?P<digits>(?<!\w)[+(]?\d[\d{_GAP}]{{5,40}}\d(?!\w))"
_TELLING = re.compile(r"[\d@]|://")
"""Without any of these there are but names to be found, which is ten times as fast."""
_DATE = re.compile(
    r"(?:\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{2,4})(?:[\s,.-]+\d{1,2})?"
)
_AMOUNT = re.compile(r"\d{1,3}(?:[. \u00a0\u202f]\d{3})+")
_ALIAS = re.compile(r"(?<!\w)P(\d{1,5})(?!\d)|\[[A-Z]+_\d{1,5}\]")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Line breaks are not among them, nor the joiners that emoji and some scripts need."""
_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")

_CAPITAL_WORDS = (
    "april art august bill bob chance dawn drew faith felix frank grace grant hope iris ivy jack"
    " jade joy june lily mark may melody mia miles nick olive pat pearl penny ray rich rob rose"
    " ruby rusty sky sue summer sunny victor violet will wren"
)
_WORDS_TOO = frozenset(_CAPITAL_WORDS.split())
"""Names that are words as well: only as written, with their capital, are they names."""
_SMALL_WORDS = "al and bin da de del den der di dos du el ibn la le van von y"
_PARTICLES = frozenset(_SMALL_WORDS.split())


def visible(text: str) -> str:
    """`text` without invisible characters: controls, marks of direction, tags, joints of no width.

    They hide orders from people, and names from a search.
    """
    return text if text.isprintable() else _UNSEEN.sub("", text)


def mentioned(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Those of `names` that the texts may hold, whole or in part: few of a thousand."""
    text = "\n".join(texts).casefold()
    words = {*_LETTERS.findall(text), *_WORD.findall(text)}
    words |= {word.removesuffix("s") for word in words}  # Genitives.
    return [name for name in names if _may_be_in(name.casefold(), words, text)]


def _may_be_in(name: str, words: set[str], text: str) -> bool:
    if not words.isdisjoint([*_LETTERS.findall(name), *_WORD.findall(name)]):
        return True
    # A name of signs, or in a script without spaces, is no word of its own.
    return bool(_UNSPACED.search(name) or not _LETTERS.search(name)) and name.strip() in text


def restored(text: str, originals: Mapping[str, str]) -> str:
    """`text` with what its aliases and placeholders stand for; unknown ones stay."""
    return _ALIAS.sub(lambda found: originals.get(found[0], found[0]), text)


class Redactor:
    """Redacts the texts of one chat; equal things get equal placeholders."""

    def __init__(self, people: Sequence[str]) -> None:
        """`people` are the names of the authors, the first becomes P1."""
        self._aliases = {name: f"P{place}" for place, name in enumerate(people, start=1)}
        self._originals = {alias: printable(name) for name, alias in self._aliases.items()}
        self._placeholders: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()
        self._phones = {digits: a for name, a in self._aliases.items() if (digits := _phone(name))}
        self._exact, self._folded = _names(self._aliases)
        name = _name_pattern(self._exact, self._folded)
        self._found_in_plain = re.compile(name) if name else None
        parts = [_LITERAL, _URL, _EMAIL, _IBAN, _DIGITS, *([name] if name else [])]
        self._found = re.compile("|".join(parts))
        self._found_in_no_iban = re.compile("|".join(part for part in parts if part is not _IBAN))

    def alias(self, name: str) -> str:
        """What stands for the author `name`; P0 for an unknown author."""
        return self._aliases.get(name, "P0")

    def redact(self, text: str) -> str:
        """`text` without names, addresses and numbers of people."""
        if _TELLING.search(text):
            return self._found.sub(self._replacement, text)
        if self._found_in_plain is None:
            return text
        return self._found_in_plain.sub(self._replacement, text)

    @property
    def originals(self) -> dict[str, str]:
        """What the aliases and placeholders made so far stand for."""
        return self._originals

    def _replacement(self, found: re.Match[str]) -> str:
        kind, text = found.lastgroup or "", found[0]
        match kind:
            case "iban" if not _is_iban(text):
                return self._found_in_no_iban.sub(self._replacement, text)
            case "digits":
                return self._number(text)
            case "name":
                return self._name(text)
            case _:
                return self.placeholder(kind, text)

    def _number(self, text: str) -> str:
        kind = kind_of_number(text)
        if kind is None:
            return text
        alias = self._phones.get(_digits(text).lstrip("0"))
        return alias or self.placeholder(kind, text)

    def _name(self, text: str) -> str:
        for name, suffix in ((text, ""), (text[:-1], text[-1:])):
            meant = self._exact.get(name) or self._folded.get(name.casefold())
            if meant:
                return meant + suffix
            if meant is not None:
                return self.placeholder("name", name) + suffix
        return self.placeholder("name", text)

    def placeholder(self, kind: str, text: str) -> str:
        """What stands for `text`, which is of this kind: [PHONE_1] and so on."""
        key = (kind, text)
        if key not in self._placeholders:
            self._counts[kind] += 1
            placeholder = f"[{kind.upper()}_{self._counts[kind]}]"
            self._placeholders[key] = placeholder
            self._originals[placeholder] = text
        return self._placeholders[key]


def _names(aliases: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What is taken for a name as it is written, and what in any case; "" if of several people."""
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}

    def add(name: str, alias: str, *, is_whole: bool) -> None:
        fold = name.casefold()
        strict = fold in _WORDS_TOO or len(name) <= PARTS_MIN_CHARS
        names, key = (exact, name) if strict else (folded, fold)
        known = names.get(key, alias)
        names[key] = alias if is_whole or known == alias else ""

    for name, alias in aliases.items():
        for part in _parts(name):
            add(part, alias, is_whole=False)
    for name, alias in aliases.items():
        if name.strip() and not _phone(name):
            add(name.strip(), alias, is_whole=True)
    return exact, folded


def _parts(name: str) -> Iterable[str]:
    return (
        part
        for part in dict.fromkeys([*_LETTERS.findall(name), *_lettered(name)])
        if len(part) >= PARTS_MIN_CHARS and part.casefold() not in _PARTICLES
    )


def _lettered(name: str) -> Iterable[str]:
    """Words such as R2D2, of which the letters alone would not be found."""
    return (word for word in _WORD.findall(name) if any(char.isalpha() for char in word))


def _name_pattern(exact: dict[str, str], folded: dict[str, str]) -> str | None:
    """Names as whole words, the longest first, a genitive s allowed; inside of words where a
    script sets no spaces."""
    options = [(name, re.escape(name)) for name in exact]
    options += [(name, f"(?i:{re.escape(name)})") for name in folded]
    options.sort(key=lambda option: -len(option[0]))
    spaced = "|".join(pattern for name, pattern in options if not _UNSPACED.search(name))
    unspaced = "|".join(pattern for name, pattern in options if _UNSPACED.search(name))
    either = [rf"(?<!\w)(?:{spaced})s?(?!\w)"] if spaced else []
    either += [unspaced] if unspaced else []
    return f"(?P<name>{'|'.join(either)})" if either else None


def is_address(text: str) -> bool:
    """Whether the whole text is an e-mail address."""
    return re.fullmatch(_EMAIL, text) is not None


def kind_of_number(text: str) -> str | None:
    """ "card", "phone", or None for a date, an amount or a number of another length."""
    digits = _digits(text)
    if CARD_DIGITS_MIN <= len(digits) <= CARD_DIGITS_MAX and _passes_luhn(digits):
        return "card"
    if not PHONE_DIGITS_MIN <= len(digits) <= PHONE_DIGITS_MAX:
        return None
    return None if is_date_or_amount(text) else "phone"


def is_date_or_amount(text: str) -> bool:
    """Whether the whole text is one: its digits are not sent."""
    return bool(_DATE.fullmatch(text) or _AMOUNT.fullmatch(text))


def _phone(name: str) -> str | None:
    """The digits of a participant who is known by a telephone number alone."""
    if any(char.isalpha() for char in name):
        return None
    digits = _digits(name).lstrip("0")
    return digits if PHONE_DIGITS_MIN <= len(digits) <= PHONE_DIGITS_MAX else None


def _digits(text: str) -> str:
    return "".join(str(int(char)) for char in text if char.isdecimal())


def _passes_luhn(digits: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(digits)):
        value = int(char) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _is_iban(text: str) -> bool:
    """By its checksum; one with a typing error by its digits."""
    compact = "".join(text.split()).upper()
    if sum(char.isdecimal() for char in compact) >= IBAN_DIGITS_MIN:
        return True
    if not compact.isascii():
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1
