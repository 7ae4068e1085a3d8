"""The names of those who write, as others write them: in part, in capitals, without accents."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from unicodedata import normalize

from app.generation.model.redaction_numbers import phone_digits
from app.generation.model.redaction_shadow import shadow_text

PARTS_MIN_CHARS = 2

_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_UNACCENTED = str.maketrans("ŁłØøĐđĦħ", "LlOoDdHh")

_CAPITAL_WORDS = (
    "april art august bill bob chance dawn drew faith felix frank grace grant hope iris ivy jack"
    " jade joy june lily mark may melody mia miles nick olive pat pearl penny ray rich rob rose"
    " ruby rusty sky sue summer sunny victor violet will wren"
)
_WORDS_TOO = frozenset(_CAPITAL_WORDS.split())
"""Names that are words as well: only as written, or in capitals, are they names."""
_SMALL_WORDS = "al and bin da de del den der di dos du el ibn la le van von y"
_PARTICLES = frozenset(_SMALL_WORDS.split())
_SHORT_WORDS = frozenset(
    " ".join(
        (
            "ab ah ai am an as at be by da do du eh el er es go ha he hi ho if im in is it ja je",
            "la le ma",
            " me mi my na ne no nu of oh ok on or si so su ta te to tu tv uh um un up us we wo",
            "ya ye yo",
        )
    ).split()
)
"""In capitals these are shouted words, even where a person bears one as a name."""


@dataclass(frozen=True, slots=True)
class Names:
    """Who is meant by a word; "" where it may be one of several people."""

    exact: Mapping[str, str]
    """By the name as it is written."""
    folded: Mapping[str, str]
    """By the name in any case."""
    pattern: re.Pattern[str] | None
    """Finds all of them in the shadow of a text."""

    def meant(self, text: str) -> tuple[str | None, str]:
        """The alias for what `pattern` found, and the genitive s that follows the name."""
        for name, suffix in ((text, ""), (text[:-1], text[-1:])):
            alias = self.exact.get(name)
            alias = self.folded.get(_fold(name)) if alias is None else alias
            if alias is not None:
                return alias, suffix
        return None, ""


def names_of(aliases: Mapping[str, str]) -> Names:
    """What is taken for a name of those whose aliases are given."""
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}
    for name, alias in aliases.items():
        for part in _parts(shadow_text(name)):
            _add(exact, folded, part, alias, is_whole=False)
    for name, alias in aliases.items():
        whole = shadow_text(name).strip()
        if whole and not phone_digits(whole):
            _add(exact, folded, whole, alias, is_whole=True)
    pattern = _pattern(exact, folded)
    return Names(exact, folded, re.compile(pattern) if pattern else None)


def mentioned(names: Iterable[str], texts: Iterable[str]) -> list[str]:
    """Those of `names` that the texts may hold, whole or in part: few of a thousand."""
    text = _fold("\n".join(map(shadow_text, texts)))
    words = {*_LETTERS.findall(text), *_WORD.findall(text)}
    words |= {word.removesuffix("s") for word in words}  # Genitives.
    return [name for name in names if _may_be_in(_fold(shadow_text(name)), words, text)]


def _may_be_in(name: str, words: set[str], text: str) -> bool:
    parts = [*_LETTERS.findall(name), *_WORD.findall(name)]
    if not words.isdisjoint(parts) or not words.isdisjoint(map(_without_accents, parts)):
        return True
    # A name of signs, or in a script without spaces, is no word of its own.
    return bool(_UNSPACED.search(name) or not _LETTERS.search(name)) and name.strip() in text


def _add(
    exact: dict[str, str], folded: dict[str, str], name: str, alias: str, *, is_whole: bool
) -> None:
    is_word_too = _fold(name) in _WORDS_TOO or len(name) <= PARTS_MIN_CHARS
    names = exact if is_word_too else folded
    for form in _forms(name, is_word_too=is_word_too):
        known = names.get(form, alias)
        is_own = form in (name, _fold(name))
        names[form] = alias if known == alias or (is_whole and is_own) else ""


def _forms(name: str, *, is_word_too: bool) -> Iterable[str]:
    if not is_word_too:
        return dict.fromkeys([_fold(name), _without_accents(_fold(name))])
    shouted = [] if _fold(name) in _SHORT_WORDS else [name.upper()]
    return dict.fromkeys([name, *shouted])


def _fold(text: str) -> str:
    """`text` in small letters; İ, I, ı and i are one letter, as they are to a search in any"
    " case."""
    return text.casefold().replace("i\u0307", "i").replace("ı", "i")


def _without_accents(text: str) -> str:
    if text.isascii():
        return text
    plain = normalize("NFD", text.translate(_UNACCENTED))
    return normalize("NFC", "".join(char for char in plain if not "\u0300" <= char <= "\u036f"))


def _parts(name: str) -> Iterable[str]:
    return (
        part
        for part in dict.fromkeys([*_LETTERS.findall(name), *_lettered(name)])
        if len(part) >= PARTS_MIN_CHARS and part.casefold() not in _PARTICLES
    )


def _lettered(name: str) -> Iterable[str]:
    """Words such as R2D2, of which the letters alone would not be found."""
    return (word for word in _WORD.findall(name) if any(char.isalpha() for char in word))


def _pattern(exact: Mapping[str, str], folded: Mapping[str, str]) -> str | None:
    """Names as whole words, the longest first, a genitive s allowed; inside of words where a
    script sets no spaces."""
    options = [(name, re.escape(name)) for name in exact]
    options += [(name, f"(?i:{_in_any_case(name)})") for name in folded]
    options.sort(key=lambda option: -len(option[0]))
    spaced = "|".join(pattern for name, pattern in options if not _UNSPACED.search(name))
    unspaced = "|".join(pattern for name, pattern in options if _UNSPACED.search(name))
    either = [_as_words(spaced)] if spaced else []
    either += [unspaced] if unspaced else []
    return "|".join(either) or None


def _as_words(options: str) -> str:
    """A letter of a script without spaces may stand right beside a name: Kenjiは."""
    beside = rf"[^\W{_UNSPACED.pattern[1:-1]}]"
    return rf"(?<!{beside})(?:{options})s?(?!{beside})"


def _in_any_case(name: str) -> str:
    """A double s stands for ß too, which no search in any case does."""
    return re.escape(name).replace("ss", "(?:ss|ß|ẞ)")
