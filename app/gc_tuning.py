"""The garbage collector of a process that serves: long pauses are kept away from requests.

A full collection looks at every object that is alive: 0.4 s with two thousand listeners, during
which no request is answered. What start-up made stays for good and need not be looked at again; of
the rest, nearly all garbage is freed without the collector, or by its small collections.
"""

import gc
import multiprocessing
from collections.abc import Generator
from contextlib import contextmanager

THRESHOLDS = (1_000, 10, 100)
"""A full collection for a million objects that outlived two small ones; by default 70,000."""


def spare_inherited() -> None:
    """To be called by what a forked process imports first; start-up ends it.

    A collection writes to every object it looks at, and so makes the process a copy of all that
    it shares with its parent: 8 MB for a worker and its master.
    """
    if multiprocessing.parent_process() is not None:
        gc.freeze()
        gc.disable()


def tune_gc() -> None:
    """To be called when start-up is done."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextmanager
def collector_paused() -> Generator[None]:
    """No cyclic collection inside: where hundreds of thousands of messages are made, it would
    walk all of them again each time they grow by a quarter, 40 % of an import, and find nothing,
    since a message takes part in no cycle. What was made counts as old afterwards: the first small
    collection does not walk it either, 6 % of an import."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()
