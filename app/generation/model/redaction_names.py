"""The names of those who write, as others write them: in part, in capitals, without accents."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from unicodedata import normalize

from app.generation.model.redaction_numbers import phone_digits
from app.generation.model.redaction_shadow import shadow_text

PARTS_MIN_CHARS = 2
SUFFIX_MAX = 3
INFLECTED_MIN_CHARS = 4

_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_EAST_ASIAN = re.compile(r"[\u4e00-\u9fff]+|[\uac00-\ud7a3]+")
_PARTICLES_AFTER = "(?:야|아|이|가|는|은|을|를|님|씨|의|도|와|과|랑|이랑|이가|이는|한테|에게)"
"""Korean, written right behind a name."""
_SUFFIX = re.compile(f"[sS]|{_PARTICLES_AFTER}")
_CYRILLIC = re.compile("[а-яёіїєґ]+")
_CYRILLIC_ENDINGS = ["а", "я", "у", "ю", "е", "и", "ы", "ой", "ей", "ом", "ем", "ым", "ого", "ему"]
_SPELT = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe"}
)
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
        for end in range(len(text), max(len(text) - 1 - SUFFIX_MAX, 0), -1):
            name, suffix = text[:end], text[end:]
            if suffix and not _SUFFIX.fullmatch(suffix):
                continue
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
    if any(not words.isdisjoint(_spellings(part)) for part in parts):
        return True
    # A name of signs, or in a script without spaces, is no word of its own.
    return bool(
        _UNSPACED.search(name) or _EAST_ASIAN.search(name) or not _LETTERS.search(name)
    ) and any(part in text for part in (name.strip(), *_halves(name.strip())))


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
        return dict.fromkeys(_spellings(_fold(name)))
    shouted = [] if _fold(name) in _SHORT_WORDS else [name.upper()]
    return dict.fromkeys([name, *shouted])


def _spellings(name: str) -> Iterable[str]:
    """Without accents, and with ue for ü as people write it who have no such key."""
    spelt = {name: None, _without_accents(name): None, name.translate(_SPELT): None}
    return [form for one in spelt for form in (one, *_inflected(one))]


def _inflected(name: str) -> Iterable[str]:
    """The cases of a name in Slavic languages, as far as no other name looks the same."""
    if len(name) < INFLECTED_MIN_CHARS or not name.isalpha():
        return
    if _CYRILLIC.fullmatch(name):
        stem = name[:-1] if name[-1] in "аяийьоеы" else name
        yield from (stem + ending for ending in _CYRILLIC_ENDINGS)
    elif name.endswith("ki"):
        yield from (name[:-1] + ending for ending in ("iego", "iemu", "im", "a", "iej", "ą"))
    elif name.endswith("a"):
        yield from (name[:-1] + ending for ending in ("ę", "ą"))
    elif name[-1] not in "eiouy":
        yield from (name + ending for ending in ("owi", "em", "iem"))


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
        for part in dict.fromkeys([*_LETTERS.findall(name), *_lettered(name), *_halves(name)])
        if len(part) >= PARTS_MIN_CHARS and part.casefold() not in _PARTICLES
    )


def _halves(name: str) -> Iterable[str]:
    """The family's and the given name where nothing stands between them: 山田花子, 김민수."""
    if _EAST_ASIAN.fullmatch(name) and len(name) == 4:
        return [name[:2], name[2:]]
    return [name[1:]] if _EAST_ASIAN.fullmatch(name) and len(name) == 3 else []


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
    return rf"(?<!{beside})(?:{options})(?:s|{_PARTICLES_AFTER})?(?!{beside})"


def _in_any_case(name: str) -> str:
    """A double s stands for ß too, which no search in any case does."""
    return re.escape(name).replace("ss", "(?:ss|ß|ẞ)")
