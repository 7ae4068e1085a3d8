"""Finding the passages of a chat that speak to a question: BM25 over windows of messages.

Words are found in plain Python, windows are ranked with numpy: a chat of 40,000 messages is
indexed in a quarter of a second and asked a hundred questions in another.
"""

import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, count, pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

from app.chats.message import CONVERSATION_SILENCE_S, Message
from app.generation.postings import TF_BITS, TF_MAX, postings_of

WINDOW_MESSAGES = 8
STRIDE_MESSAGES = 4

K1 = 1.2
B = 0.75
RANKED_MAX = 400
CANDIDATES_MAX = 2000
NEIGHBOUR_WEIGHTS = ((1, 1.0), (2, 0.5))
WORD_CHARS_MAX = 40
"""Words are quoted in sentences of a bounded length."""
LONG_TURN_WORDS = 20
LONG_TURNS_SHARE_MIN = 0.15
"""A conversation with a seventh of its words in long turns is talk, as in a meeting."""
TALK_MESSAGES_MIN = 100
STEM_LETTERS_MIN = 4
WORDS_A_MESSAGE_MIN = 2
QUERIES_KEPT = 1000

# Scripts written without spaces are indexed as pairs of characters.
_UNSPACED = (
    "\u0e00-\u0e7f\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
)
# Vowel signs and other marks are not \w, but break no word.
_MARKS = (
    "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u1000-\u109f"
)
_ACCENT = re.compile("[\u0300-\u036f]")
_WORD = re.compile(rf"[\w{_MARKS}{_UNSPACED}]+")
_ASCII_WORD = re.compile(r"\w+")
_RUN = re.compile(rf"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_IS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


Scores = NDArray[np.float64]
Numbers = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive messages; `first` and `last` are message numbers, inclusive."""

    first: int
    last: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class ChatIndex:
    """An inverted index over windows; `windows` are (start, stop) positions in `messages`.

    A posting is `window << 8 | min(term frequency, 255)`. `stretches` number the conversation
    each window lies in, and `is_talk` says which are one as in a meeting, window by window; `words`
    are counted a message, for budgets. `floors` are the part of a
    BM25 denominator that depends on the window's length alone. `sample` has windows in an order
    whose every beginning is spread over time and over authors.
    """

    messages: Sequence[Message]
    windows: Sequence[tuple[int, int]]
    postings: Mapping[str, "array[int]"]
    floors: Scores
    stretches: Numbers
    is_talk: NDArray[np.bool_]
    words: Sequence[int]
    sample: Sequence[int]


def words_of(text: str) -> list[str]:
    """The lower-case words of `text`, links left out; pairs of characters for CJK and Thai.

    A word longer than WORD_CHARS_MAX is cut there.
    """
    if "://" in text or "www." in text:
        text = _LINK.sub(" ", text)
    text = text.lower()
    if text.isascii():
        return _cut(_ASCII_WORD.findall(text), text)
    found = _WORD.findall(text)
    if _IS_UNSPACED.search(text):
        found = [piece for word in found for piece in _pieces(word)]
    return _cut(found, text)


def _cut(words: list[str], text: str) -> list[str]:
    """Few messages are longer than a word may be: the others cost nothing here."""
    if len(text) <= WORD_CHARS_MAX:
        return words
    return [word[:WORD_CHARS_MAX] for word in words]


def _pieces(word: str) -> Iterable[str]:
    for run in _RUN.findall(word):
        if len(run) > 1 and _IS_UNSPACED.match(run):
            yield from (run[i : i + 2] for i in range(len(run) - 1))
        else:
            yield run


def stem(word: str) -> str:
    """A word without its commonest English endings, so that "booked" finds "booking"."""
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= STEM_LETTERS_MIN:
            return word[: -len(ending)]
    return word


def _folded(word: str) -> str:
    """`word` without accents, which few people type in a chat."""
    if word.isascii():
        return word
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", word))
    return unicodedata.normalize("NFC", plain)


def _key(word: str) -> str:
    """What a word is found by."""
    return _folded(stem(word))


def build_index(
    messages: Sequence[Message], *, tokens: Sequence[list[str]] | None = None
) -> ChatIndex:
    """Index windows of eight messages, four apart, never across a silence of six hours.

    Authors' names can be searched for as well, as they are written. `tokens` are the words of each
    message where the caller has them already.
    """
    if tokens is None:
        tokens = [words_of(message.text) for message in messages]
    placed = list(_windows(messages))
    windows = [(start, stop) for start, stop, _ in placed]
    postings, lengths = _postings(messages, tokens, windows)
    stretches = np.array([stretch for _, _, stretch in placed], np.intp)
    words = [_cost(message.text, each) for message, each in zip(messages, tokens, strict=True)]
    return ChatIndex(
        messages=messages,
        windows=windows,
        postings=postings,
        floors=_floors(lengths),
        stretches=stretches,
        is_talk=_talk(windows, stretches, words),
        sample=list(_sampled_windows(messages, windows)),
        words=words,
    )


def _postings(
    messages: Sequence[Message],
    tokens: Sequence[list[str]],
    windows: Sequence[tuple[int, int]],
) -> tuple[Mapping[str, "array[int]"], Numbers]:
    """The windows that hold each term, and how many terms each window holds."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    number_of = {word: numbers[_key(word)] for word in dict.fromkeys(chain.from_iterable(tokens))}
    names = {
        author: [numbers[_folded(word)] for word in words_of(author)]
        for author in dict.fromkeys(one.author for one in messages)
    }
    said = [
        [*map(number_of.__getitem__, each), *names[message.author]]
        for message, each in zip(messages, tokens, strict=True)
    ]
    places = np.cumsum([0, *map(len, said)])
    flat = np.fromiter(chain.from_iterable(said), np.int64, int(places[-1]))
    bounds = places[np.array(windows, np.intp).reshape(-1, 2)]
    return postings_of(flat, bounds, terms=list(numbers)), bounds[:, 1] - bounds[:, 0]


def _floors(lengths: Numbers) -> Scores:
    known = lengths.astype(float)
    return K1 * (1 - B + B * known / known.mean()) if known.any() else known


def _talk(
    windows: Sequence[tuple[int, int]], stretches: Numbers, words: Sequence[int]
) -> NDArray[np.bool_]:
    """For each window whether its conversation is long and in long turns."""
    if not windows:
        return np.zeros(0, bool)
    starts = [windows[int(at)][0] for at in np.flatnonzero(np.diff(stretches, prepend=-1))]
    spoken = np.array(words)
    total = np.add.reduceat(spoken, starts)
    long_turns = np.add.reduceat(np.where(spoken >= LONG_TURN_WORDS, spoken, 0), starts)
    is_long = np.diff([*starts, len(words)]) >= TALK_MESSAGES_MIN
    is_talk = is_long & (long_turns >= LONG_TURNS_SHARE_MIN * np.maximum(total, 1))
    return is_talk[stretches]


def _cost(text: str, words: Sequence[str]) -> int:
    """The words of a message, at least two; of scripts without spaces, one for two characters."""
    if not text:
        return 0
    return max(WORDS_A_MESSAGE_MIN, len(text.split()), len(words) // 2)


def _windows(messages: Sequence[Message]) -> Iterable[tuple[int, int, int]]:
    """(start, stop, number of the stretch) of every window."""
    cuts = [0]
    for position, (before, after) in enumerate(pairwise(messages), start=1):
        if (after.at - before.at).total_seconds() >= CONVERSATION_SILENCE_S:
            cuts.append(position)
    cuts.append(len(messages))
    for stretch, (start, stop) in enumerate(pairwise(cuts)):
        for first in range(start, stop, STRIDE_MESSAGES):
            yield first, min(first + WINDOW_MESSAGES, stop), stretch
            if first + WINDOW_MESSAGES >= stop:
                break


def select_context(
    index: ChatIndex, queries: Sequence[str], *, words_max: int, sample_words: int = 0
) -> list[Chunk]:
    """The passages that cover `queries` best, in file order; empty if the chat has no text.

    Scores are BM25 (Robertson & Zaragoza 2009), k1 = 1.2, b = 0.75; the queries take turns,
    best window first. Of the at most `words_max` words, `sample_words` go to a sample spread
    over time and authors, so that what no query names can be seen too; words the queries leave
    over go there as well.
    """
    chosen: set[int] = set()
    left = words_max - sample_words
    rankings = [rank_windows(index, query) for query in queries]
    for depth in range(max(map(len, rankings), default=0)):
        for ranking in rankings:
            if depth < len(ranking):
                left -= _take(index, ranking[depth], chosen, left)
        if left <= 0:
            break
    left += sample_words
    for window in index.sample:
        if left <= 0 or (sample_words == 0 and chosen):
            break
        left -= _take(index, window, chosen, left)
    return _chunks(index.messages, sorted(chosen))


def whole_chat(
    messages: Sequence[Message], tokens: Sequence[list[str]], *, words_max: int
) -> list[Chunk] | None:
    """All messages as one passage if they are at most `words_max` words; None if they are more.

    A small chat needs no search: whatever is asked, all of it fits.
    """
    words = sum(_cost(message.text, each) for message, each in zip(messages, tokens, strict=True))
    return _chunks(messages, range(len(messages))) if 0 < words <= words_max else None


def rank_windows(index: ChatIndex, query: str) -> list[int]:
    """Window positions by falling score, at most 400; windows without a match are left out.

    In a meeting what is relevant stretches beyond a window, so there each score is lifted by those
    of its neighbours: this found a twentieth more of the evidence. In a chat a subject is over
    after a few messages, and the same lift puts what is near above what is meant: there it is left
    out (`python -m benchmarks.retrieval` measures both).
    """
    count = len(index.windows)
    scores = np.zeros(count)
    for term in _terms(query):
        posting = index.postings.get(term)
        if posting is None:
            continue
        idf = log(1 + (count - len(posting) + 0.5) / (len(posting) + 0.5))
        packed = np.frombuffer(posting, np.uint32)
        window, frequency = packed >> TF_BITS, (packed & TF_MAX).astype(float)
        # A window stands at most once in a posting, so each is added to once.
        scores[window] += idf * frequency * (K1 + 1) / (frequency + index.floors[window])
    candidates = _best(np.flatnonzero(scores), scores, CANDIDATES_MAX)
    return _best(candidates, _lifted(index, scores), RANKED_MAX).tolist()


def _best(windows: Numbers, scores: Scores, most: int) -> Numbers:
    """Those of `windows` with the highest scores, highest first; of equal ones the earliest."""
    found = scores[windows]
    if len(windows) > most:  # All that score as much as the last of them, or more.
        is_near = found >= np.partition(found, -most)[-most]
        windows, found = windows[is_near], found[is_near]
    return windows[np.lexsort((windows, -found))][:most]


@lru_cache(QUERIES_KEPT)
def _terms(query: str) -> tuple[str, ...]:
    """What is searched for. Queries are the catalog's, and asked of every chat."""
    return tuple(dict.fromkeys(map(_key, words_of(query))))


def _lifted(index: ChatIndex, scores: Scores) -> Scores:
    if not index.is_talk.any():
        return scores
    lifted = scores.copy()
    for offset, weight in NEIGHBOUR_WEIGHTS:
        is_near = (index.stretches[offset:] == index.stretches[:-offset]) & index.is_talk[offset:]
        lifted[offset:] += np.where(is_near, weight * scores[:-offset], 0.0)
        lifted[:-offset] += np.where(is_near, weight * scores[offset:], 0.0)
    return lifted


def _take(index: ChatIndex, window: int, chosen: set[int], words_left: int) -> int:
    """Add the window's messages when all that are new fit; returns the words they cost."""
    start, stop = index.windows[window]
    new = [at for at in range(start, stop) if at not in chosen]
    cost = sum(index.words[at] for at in new)
    if cost > words_left or not cost:
        return 0
    chosen.update(new)
    return cost


def _sampled_windows(
    messages: Sequence[Message], windows: Sequence[tuple[int, int]]
) -> Iterable[int]:
    """At most 400 windows in the order of `ChatIndex.sample`.

    Time is cut into halves again and again (a van der Corput order); of the windows near each
    point the one whose authors have been heard least comes first.
    """
    count = len(windows)
    heard: Counter[str] = Counter()
    seen: set[int] = set()
    for point in _spread(min(count, RANKED_MAX)):
        centre = int(point * count)
        near = [at for at in range(max(0, centre - 2), min(count, centre + 3)) if at not in seen]
        if not near:
            continue
        authors = {at: [one.author for one in messages[slice(*windows[at])]] for at in near}
        best = min(near, key=lambda at: (_familiarity(authors[at], heard), at))
        seen.add(best)
        heard.update(authors[best])
        yield best


def _familiarity(authors: Sequence[str], heard: Counter[str]) -> float:
    return sum(heard[author] for author in authors) / len(authors)


def _spread(count: int) -> Iterable[float]:
    for number in range(1, count + 1):
        point, scale = 0.0, 0.5
        while number:
            point += scale * (number & 1)
            number >>= 1
            scale /= 2
        yield point


def _chunks(messages: Sequence[Message], positions: Sequence[int]) -> list[Chunk]:
    runs: list[list[int]] = []
    for at in positions:
        if runs and at == runs[-1][-1] + 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    return [
        Chunk(messages[run[0]].number, messages[run[-1]].number, tuple(messages[at] for at in run))
        for run in runs
    ]
