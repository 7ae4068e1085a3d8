"""The shadow of a text: what is searched in its place, each place of it known in the original.

Compatibility forms, marks of direction and joints of no width make two texts that look alike
unlike for a search. The shadow is free of them; what is found in it is cut from the original.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import combining, is_normalized, normalize

_CONTROLS = "\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufff9-\ufffb"
_ORDERS = "\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff"
_BLANKS = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufff0-\ufff8"
_MUSIC = "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
_JOINERS = "\u180b-\u180d\u180f\u200c\u200d\ufe00-\ufe0f"

_OVER = (
    "\u0305\u0332-\u0338\u033f\u20d0-\u20f0"
    "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Drawn over, under or around other signs: struck out, underlined, on a key, of an abbreviation."""

_UNSEEN = re.compile(f"[{_CONTROLS}{_ORDERS}{_BLANKS}{_MUSIC}]")
"""Line breaks are not among them, nor the joiners that emoji and some scripts need."""
_IGNORED = re.compile(f"[{_CONTROLS}{_ORDERS}{_BLANKS}{_MUSIC}{_JOINERS}{_OVER}]")
"""Every default-ignorable code point and format character of Unicode, and the controls."""
_IN_CIRCLES = {
    **{ord(first) + place: str(place + 1) for first in "⓵❶➀➊" for place in range(9)},
    **dict.fromkeys(map(ord, "⓿🄋🄌"), "0"),
}
"""Digits that have no compatibility form."""
_VARIANTS = {
    **dict.fromkeys(map(ord, "‘’‛ʼʹ´`＇"), "'"),
    **dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-"),
    **dict.fromkeys(map(ord, "“”„«»"), '"'),
    **_IN_CIRCLES,
}
_CHANGED = re.compile(f"[{''.join(map(chr, _VARIANTS))}]|(?![0-9])\\d")
_CYRILLIC = (
    "аеорсухіјѕԁԛԝһӏкмтвнгпАВЕКМНОРСТУХІЈЅԌԚԜ",
    "aeopcyxijsdqwhlkmtbhrnABEKMHOPCTYXIJSGQW",
)
_GREEK = "αοερτυνικχγρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "aoeptuvikxypABEZHIKMNOPTYX"
_LATIN_BY_LOOK = {
    other: latin for alike in (_CYRILLIC, _GREEK) for other, latin in zip(*alike, strict=True)
}
_LATIN = str.maketrans(_LATIN_BY_LOOK)
_LATIN_LETTER = re.compile("[A-Za-z]")
_ALIKE = re.compile(f"[{''.join(_LATIN_BY_LOOK)}]")
_WORD = re.compile(r"[^\W_]+")
_JOINED = re.compile(f"[\u1161-\u11ff{_CONTROLS}{_ORDERS}{_BLANKS}{_MUSIC}{_JOINERS}{_OVER}]")
"""Belong to the character before, as combining marks do."""


@dataclass(frozen=True, slots=True)
class Shadow:
    """A text as it is searched."""

    text: str
    original: str
    starts: Sequence[int] | None = None
    """Of each group of characters in `text`; None where both texts are the same."""
    begins: Sequence[int] = ()
    """Of each group in the original, and the end of the last."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where `text[start:end]` stands in the original, groups of characters whole."""
        if self.starts is None:
            return start, end
        first = bisect_right(self.starts, start) - 1
        last = bisect_right(self.starts, end - 1) - 1
        begin, after = self.begins[first], self.begins[last + 1]
        while _IGNORED.match(self.original, after - 1):
            after -= 1
        return begin, after


def visible(text: str) -> str:
    """`text` without invisible characters: controls, marks of direction, tags, joints of no width.

    They hide orders from people, and names from a search.
    """
    return text if text.isprintable() and text.isascii() else _UNSEEN.sub("", text)


def shadow_text(text: str) -> str:
    """`text` in its compatibility form, without what is ignored; dashes, quotes, digits alike, and
    Cyrillic and Greek letters within a Latin word as the Latin ones that they look like."""
    if text.isascii() and text.isprintable():
        return text
    return _latin(_compatible(text))


def _latin(text: str) -> str:
    """As long as `text`. A word that is all Cyrillic or all Greek stays."""
    if _ALIKE.search(text) is None or _LATIN_LETTER.search(text) is None:
        return text
    return _WORD.sub(_latin_word, text)


def _latin_word(found: re.Match[str]) -> str:
    word = found[0]
    return word.translate(_LATIN) if _LATIN_LETTER.search(word) else word


def _compatible(text: str) -> str:
    text = normalize("NFKC", _IGNORED.sub("", text))
    if text.isascii() or not _CHANGED.search(text):
        return text
    return _CHANGED.sub(_plain, text)


def shadow_of(text: str) -> Shadow:
    """The shadow of `text`, and where each of its characters stands in it."""
    if (text.isascii() and text.isprintable()) or _is_its_own(text):
        return Shadow(_latin(text), text)
    parts: list[str] = []
    starts: list[int] = []
    begins: list[int] = []
    length = 0
    for begin, group in _groups(text):
        part = _compatible(group)
        if part:
            parts.append(part)
            starts.append(length)
            begins.append(begin)
            length += len(part)
    return Shadow(_latin("".join(parts)), text, starts, [*begins, len(text)])


def _is_its_own(text: str) -> bool:
    return not _IGNORED.search(text) and is_normalized("NFKC", text) and not _CHANGED.search(text)


def _groups(text: str) -> list[tuple[int, str]]:
    """Characters with the marks that follow them, each with its place."""
    begins = [
        place for place, char in enumerate(text) if not (combining(char) or _JOINED.match(char))
    ]
    if not begins or begins[0] != 0:
        begins.insert(0, 0)
    ends = [*begins[1:], len(text)]
    return [(begin, text[begin:end]) for begin, end in zip(begins, ends, strict=True)]


def _plain(found: re.Match[str]) -> str:
    char = found[0]
    return _VARIANTS.get(ord(char)) or str(int(char))
