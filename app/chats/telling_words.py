"""Words that tell groups of messages apart, such as those of two people or of two seasons."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log, sqrt

from pydantic import BaseModel, ConfigDict

from app.chats.statistics_words import LINK, STOP_WORDS, WORD, batches, prune

WORDS_MAX = 12
TIMES_MIN = 3
_CHARS = range(2, 31)
_PRIOR = 0.01
_SURE = 1.64
"""Of the score, which is in standard deviations: one in twenty by chance."""


class TellingWord(BaseModel):
    model_config = ConfigDict(frozen=True)

    word: str
    count: int


def telling_apart(groups: Sequence[Counter[str]]) -> list[list[TellingWord]]:
    """For each group of counted words at most WORDS_MAX that it uses more than the others together.

    The score is the log odds ratio with an informative prior (Monroe, Colaresi & Quinn 2008),
    which neither rare nor everyday words win.
    """
    whole = merged(groups)
    total = whole.total()
    return [_telling(own, whole, total) for own in groups]


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in the texts, in lower case and without those of links."""
    words: Counter[str] = Counter()
    for batch in batches(text for text in texts if text):
        lowered = batch.lower()
        if "http" in lowered or "www." in lowered:
            lowered = LINK.sub(" ", lowered)
        words.update(WORD.findall(lowered))
        words = prune(words)
    return words


def merged(groups: Iterable[Counter[str]]) -> Counter[str]:
    """The counts of all groups together."""
    whole: Counter[str] = Counter()
    for each in groups:
        whole.update(each)
    return whole


def _telling(own: Counter[str], whole: Counter[str], total: int) -> list[TellingWord]:
    size = own.total()
    if not size or size == total:
        return []
    scored: list[tuple[float, str, int]] = []
    for word, times in own.items():
        if times < TIMES_MIN or len(word) not in _CHARS or word.replace("’", "'") in STOP_WORDS:
            continue
        score = _score(times, size, whole[word] - times, total - size, _PRIOR * whole[word])
        if score >= _SURE:
            scored.append((-score, word, times))
    return [TellingWord(word=word, count=times) for _, word, times in sorted(scored)[:WORDS_MAX]]


def _score(own: int, size: int, others: int, others_size: int, prior: float) -> float:
    mine, theirs = own + prior, others + prior
    odds = log(mine / max(size - own, 1)) - log(theirs / max(others_size - others, 1))
    return odds / sqrt(1 / mine + 1 / theirs)
