"""Numbers and addresses sent in pieces, a message each.

No piece alone looks like what it is a piece of: "0151", then "23 45", then "678".
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.generation.model.redaction import Redactor
from app.generation.model.redaction_accounts import is_iban
from app.generation.model.redaction_handles import is_address
from app.generation.model.redaction_numbers import is_date_or_amount, kind_of_number
from app.generation.model.redaction_shadow import shadow_of, shadow_text

PIECES_MAX = 9
"""An IBAN that is sent in fours."""

_DIGITS_ONLY = re.compile(r"\s*([+(]?\d[\d\s./()-]{0,40})\s*")
_DIGITS_LAST = re.compile(r"(?<!\w)[+(]?\d[\d\s./()-]{0,40}$")
_IBAN_LAST = re.compile(r"(?<!\w)[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{1,4}){0,8}$")
_IBAN_PART = re.compile(r"\s*([A-Za-z0-9]{1,4}(?:[ -]?[A-Za-z0-9]{1,4}){0,7})\s*")
_WORD_LAST = re.compile(r"\S{1,64}$")
_WORD_FIRST = re.compile(r"\S{1,253}")
_TAIL = 64
"""Characters of a message in which a piece may stand at its end."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Of the message at `place`, where in its shadow."""

    place: int
    start: int
    text: str


def redact_in_order(redactor: Redactor, spoken: Sequence[tuple[str, str]]) -> list[str]:
    """The texts of `spoken`, which are (author, text) in order, each redacted, pieces too."""
    shadows = [(author, shadow_text(text)) for author, text in spoken]
    kept: dict[int, tuple[str, _Piece]] = {}
    for kind, pieces in _wholes(shadows):
        # A message in the middle of a run is one piece; more than one piece it never has.
        kept.update((piece.place, (kind, piece)) for piece in pieces)
    return [
        _replaced(redactor, text, *kept[place]) if place in kept else redactor.redact(text)
        for place, (_, text) in enumerate(spoken)
    ]


def _wholes(spoken: Sequence[tuple[str, str]]) -> Iterable[tuple[str, list[_Piece]]]:
    """Runs of pieces of one author without a break, and what they are when put together."""
    place = 0
    while place < len(spoken):
        for run in (_iban_from, _digits_from, _address_at):
            pieces = run(spoken, place)
            kind = _kind([piece.text for piece in pieces]) if pieces else None
            if kind is not None:
                yield kind, pieces
                place = pieces[-1].place
                break
        place += 1


def _kind(pieces: Sequence[str]) -> str | None:
    whole = "".join(pieces)
    if is_address(whole):
        return "email"
    if is_iban(whole):
        return "iban"
    if any(char.isalpha() for char in whole) or any(map(is_date_or_amount, pieces)):
        return None
    return kind_of_number(whole)


def _digits_from(spoken: Sequence[tuple[str, str]], place: int) -> list[_Piece]:
    first = _last(_DIGITS_LAST, spoken, place)
    return _run(spoken, first, _DIGITS_ONLY) if first else []


def _iban_from(spoken: Sequence[tuple[str, str]], place: int) -> list[_Piece]:
    first = _last(_IBAN_LAST, spoken, place)
    run = _run(spoken, first, _IBAN_PART) if first else []
    # Words of four letters may follow an account as well.
    while run and not is_iban("".join(piece.text for piece in run)):
        run.pop()
    return run if len(run) > 1 else []


def _last(pattern: re.Pattern[str], spoken: Sequence[tuple[str, str]], place: int) -> _Piece | None:
    text = spoken[place][1].rstrip()
    tail = max(len(text) - _TAIL, 0)
    begins = pattern.search(text[tail:])
    return _Piece(place, tail + begins.start(), begins[0]) if begins else None


def _run(
    spoken: Sequence[tuple[str, str]], first: _Piece, pattern: re.Pattern[str]
) -> list[_Piece]:
    author, run = spoken[first.place][0], [first]
    for place in range(first.place + 1, min(first.place + PIECES_MAX, len(spoken))):
        other, text = spoken[place]
        found = pattern.fullmatch(text)
        if other != author or found is None:
            break
        run.append(_Piece(place, found.start(1), found[1].rstrip()))
    return run if len(run) > 1 else []


def _address_at(spoken: Sequence[tuple[str, str]], place: int) -> list[_Piece]:
    if place + 1 == len(spoken) or spoken[place][0] != spoken[place + 1][0]:
        return []
    last = _WORD_LAST.search(spoken[place][1].rstrip())
    after = spoken[place + 1][1]
    first = _WORD_FIRST.match(after.lstrip())
    if last is None or first is None or (last[0][-1] != "@") == (first[0][0] != "@"):
        return []
    return [
        _Piece(place, last.start(), last[0]),
        _Piece(place + 1, len(after) - len(after.lstrip()), first[0].rstrip(".,;:!?")),
    ]


def _replaced(redactor: Redactor, text: str, kind: str, piece: _Piece) -> str:
    begin, end = shadow_of(text).span(piece.start, piece.start + len(piece.text))
    before, after = redactor.redact(text[:begin]), redactor.redact(text[end:])
    return f"{before}{redactor.placeholder(kind, text[begin:end])}{after}"
