"""Participants' names as they are shown."""

import re

NAME_MAX = 40
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def printable(name: str) -> str:
    """A participant's name fit for a sentence: one line of at most NAME_MAX characters."""
    clean = _CONTROL.sub(" ", name).strip()
    if not clean:
        return "somebody"
    return clean if len(clean) <= NAME_MAX else clean[: NAME_MAX - 1].rstrip() + "…"
