"""JSON that a model wrote almost right: read as it was meant, not asked and paid for again."""

import re

_STRING = r'"(?:[^"\\]|\\.)*(?:"|\Z)'
"""One that does not end goes to the end of the text: then no place is looked at twice."""
_STRINGS = re.compile(f"({_STRING})", re.DOTALL)
_COMMENT = r"//[^\n]*|/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)"
_STRING_OR_COMMENT = re.compile(f"({_STRING})|{_COMMENT}", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(?=\s*[}\]])")
_LITERAL = re.compile(r"\b(?:True|False|None)\b")
_LITERALS = {"True": "true", "False": "false", "None": "null"}
_CLOSERS = {"{": "}", "[": "]"}


def mended(text: str) -> str:
    """`text` without comments, trailing commas, Python's literals and escapes that JSON does not
    know, and with the brackets closed that it leaves open."""
    bare = _STRING_OR_COMMENT.sub(lambda found: found[1] or "", text)
    parts = _STRINGS.split(bare)  # What is outside of strings, and strings, in turn.
    parts[::2] = map(_outside, parts[::2])
    parts[1::2] = (_ESCAPE.sub(_known, string) for string in parts[1::2])
    return "".join(parts) + _left_open("".join(parts[::2]), end=parts[-1] or '"')


def _outside(part: str) -> str:
    return _TRAILING_COMMA.sub("", _LITERAL.sub(lambda found: _LITERALS[found[0]], part))


def _known(escape: re.Match[str]) -> str:
    return escape[0] if escape[1] in '"\\/bfnrtu' else escape[1]


def _left_open(outside: str, *, end: str) -> str:
    """What closes the brackets; nothing after a number, which may have been cut."""
    if end.rstrip()[-1:].isdigit():
        return ""
    closers: list[str] = []
    for char in outside:
        if char in _CLOSERS:
            closers.append(_CLOSERS[char])
        elif closers and char == closers[-1]:
            closers.pop()
    return "".join(reversed(closers))
