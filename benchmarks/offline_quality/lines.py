"""What people say in the made-up chats, by language: the files of `lines/`.

Those of `unseen/` say the same things in other words; no word list was ever fitted to them.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_LABEL = re.compile(r"\s#(\??)(\w+)")
LABELLED = (
    "morning", "night", "thanks", "laughter", "affection", "longing", "praise", "apology", "worry",
    "support", "occasion", "logistics", "plan", "request", "decision", "blocker",
)  # fmt: skip
READ = ("en", "de", "es", "fr", "pt", "it", "nl", "tr")
UNREAD = ("fi",)
UNSEEN = ("en", "de", "es", "fr")


@dataclass(frozen=True, slots=True)
class Line:
    """A text, what it surely says, and what it may be read to say."""

    text: str
    sure: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Topic:
    """A word and lines that hold it."""

    word: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """All lines of one language; a quarrel's speakers are "A" and "B"."""

    language: str
    neutral: tuple[Line, ...]
    asks: tuple[Line, ...]
    replies: tuple[Line, ...]
    saying: dict[str, tuple[Line, ...]]
    broken: tuple[Line, ...]
    kept: tuple[tuple[Line, Line], ...]
    quarrels: tuple[tuple[tuple[str, Line], ...], ...]
    made_up: tuple[tuple[str, Line], ...]
    topics: tuple[Topic, ...]


@cache
def lines(language: str, *, unseen: bool = False) -> Lines:
    """The lines of one of READ or UNREAD; UNREAD have neutral lines only."""
    path = _HERE / ("unseen" if unseen else "lines") / f"{language}.toml"
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return Lines(
        language=language,
        neutral=_all(content["neutral"]),
        asks=_all(content["asks"]),
        replies=_all(content["replies"]),
        saying={label: _all(content.get(label, ()), label) for label in LABELLED},
        broken=_all(content.get("promises_broken", ()), "promise"),
        kept=tuple(
            (_line(promise, "promise"), _line(report))
            for promise, report in content.get("promises_kept", ())
        ),
        quarrels=tuple(_scene(quarrel, "tension") for quarrel in content.get("quarrels", ())),
        made_up=_scene(content.get("made_up", ()), "amends"),
        topics=tuple(
            Topic(each["word"], _all(each["lines"])) for each in content.get("topics", ())
        ),
    )


def _all(texts: Any, label: str | None = None) -> tuple[Line, ...]:
    return tuple(_line(text, label) for text in texts)


def _line(marked: str, label: str | None = None) -> Line:
    found = _LABEL.findall(marked)
    sure = {name for unsure, name in found if not unsure} | ({label} if label else set())
    return Line(
        text=_LABEL.sub("", marked).strip(),
        sure=frozenset(sure),
        maybe=frozenset(name for unsure, name in found if unsure),
    )


def _scene(marked: Any, label: str) -> tuple[tuple[str, Line], ...]:
    return tuple(
        (speaker, _line(text, label)) for speaker, text in (s.split("|", 1) for s in marked)
    )
