"""The postings of an inverted index: for each term the windows that hold it, and how often."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

TF_BITS = 8
TF_MAX = (1 << TF_BITS) - 1
BLOCK_WINDOWS = 8192
"""Indexed at once: about 20 MB."""

Numbers = NDArray[np.intp]


def postings_of(flat: Numbers, bounds: Numbers, *, terms: Sequence[str]) -> dict[str, "array[int]"]:
    """The postings of `terms`; `flat` are their numbers as they are said, and `bounds` say of each
    window where in it its terms begin and end.

    In blocks of windows: all of a long chat at once would fill the memory.
    """
    postings: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
    for first in range(0, len(bounds), BLOCK_WINDOWS):
        for term, packed in _of_block(flat, bounds[first : first + BLOCK_WINDOWS], first):
            postings[terms[term]].frombytes(packed)
    return dict(postings)


def _of_block(flat: Numbers, bounds: Numbers, first: int) -> Iterable[tuple[int, bytes]]:
    """The postings of the windows from number `first` on, term by term; `bounds` of each window
    say where its terms begin and end in `flat`."""
    lengths = bounds[:, 1] - bounds[:, 0]
    window = np.repeat(np.arange(len(bounds)), lengths)
    skipped = bounds[:, 0] - (np.cumsum(lengths) - lengths)
    held = flat[np.arange(len(window)) + np.repeat(skipped, lengths)]
    pairs, counts = np.unique(held * BLOCK_WINDOWS + window, return_counts=True)
    term, window = pairs // BLOCK_WINDOWS, first + pairs % BLOCK_WINDOWS
    packed = (window << TF_BITS | np.minimum(counts, TF_MAX)).astype(np.uint32)
    begins = np.flatnonzero(np.diff(term, prepend=-1))
    for each, (start, stop) in zip(
        term[begins].tolist(), pairwise([*begins.tolist(), len(term)]), strict=True
    ):
        yield each, packed[start:stop].tobytes()
