"""Names of participants and titles of chats as they are shown."""

import re
import unicodedata

NAME_MAX = 40
TITLE_CHARS_MAX = 100
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def printable(name: str) -> str:
    """A participant's name fit for a sentence: one line of at most NAME_MAX characters."""
    clean = _CONTROL.sub(" ", name).strip()
    if not clean:
        return "somebody"
    return clean if len(clean) <= NAME_MAX else clean[: NAME_MAX - 1].rstrip() + "…"


def clean_title(title: str) -> str:
    """`title` without control characters, cut at TITLE_CHARS_MAX; it may be empty."""
    kept = "".join(char for char in title if unicodedata.category(char) != "Cc")
    return kept.strip()[:TITLE_CHARS_MAX]
