"""Numbers and addresses sent in pieces, a message each.

No piece alone looks like what it is a piece of: "0151", then "23 45", then "678".
"""

import re
from collections.abc import Iterable, Sequence

from app.generation.model.redaction import Redactor, is_address, is_date_or_amount, kind_of_number

PIECES_MAX = 6

_DIGITS_ONLY = re.compile(r"\s*[+(]?\d[\d\s./()-]{0,40}\s*")
_DIGITS_LAST = re.compile(r"(?<!\w)[+(]?\d[\d\s./()-]{0,40}$")
_WORD_LAST = re.compile(r"\S{1,64}$")
_WORD_FIRST = re.compile(r"\S{1,253}")


def redact_in_order(redactor: Redactor, spoken: Sequence[tuple[str, str]]) -> list[str]:
    """The texts of `spoken`, which are (author, text) in order, each redacted, pieces too."""
    texts = [text for _, text in spoken]
    kept: list[list[tuple[str, str]]] = [[] for _ in texts]
    for found in _pieces(spoken):
        kind = _kind([piece for _, piece in found])
        if kind is not None:
            for place, piece in found:
                kept[place].append((kind, piece))
    return [_replaced(redactor, text, pieces) for text, pieces in zip(texts, kept, strict=True)]


def _kind(pieces: Sequence[str]) -> str | None:
    """What the pieces are when put together."""
    whole = "".join(pieces)
    if is_address(whole):
        return "email"
    return None if any(map(is_date_or_amount, pieces)) else kind_of_number(whole)


def _pieces(spoken: Sequence[tuple[str, str]]) -> Iterable[list[tuple[int, str]]]:
    """Runs of (place, piece) that may belong together, of one author without a break."""
    place = 0
    while place < len(spoken):
        run = _digits_from(spoken, place) or _address_at(spoken, place)
        if run:
            yield run
        place = run[-1][0] + 1 if run else place + 1


def _digits_from(spoken: Sequence[tuple[str, str]], place: int) -> list[tuple[int, str]]:
    author, text = spoken[place]
    begins = _DIGITS_LAST.search(text.rstrip()[-64:])
    if begins is None:
        return []
    run = [(place, begins[0])]
    for after, (other, told) in enumerate(spoken[place + 1 : place + PIECES_MAX], place + 1):
        if other != author or not _DIGITS_ONLY.fullmatch(told):
            break
        run.append((after, told.strip()))
    return run if len(run) > 1 else []


def _address_at(spoken: Sequence[tuple[str, str]], place: int) -> list[tuple[int, str]]:
    if place + 1 == len(spoken) or spoken[place][0] != spoken[place + 1][0]:
        return []
    last = _WORD_LAST.search(spoken[place][1].rstrip())
    first = _WORD_FIRST.match(spoken[place + 1][1].lstrip())
    if last is None or first is None or (last[0][-1] != "@") == (first[0][0] != "@"):
        return []
    return [(place, last[0]), (place + 1, first[0].rstrip(".,;:!?"))]


def _replaced(redactor: Redactor, text: str, pieces: Sequence[tuple[str, str]]) -> str:
    if not pieces:
        return redactor.redact(text)
    # A message in the middle of a run is one piece; more than one piece it never has.
    kind, piece = pieces[0]
    at = text.rindex(piece)
    before, after = text[:at], text[at + len(piece) :]
    return f"{redactor.redact(before)}{redactor.placeholder(kind, piece)}{redactor.redact(after)}"
