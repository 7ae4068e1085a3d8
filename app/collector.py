"""The garbage collector of a process that serves: long pauses are kept away from requests.

A full collection looks at every object that is alive: 0.4 s with two thousand listeners, during
which nobody is answered. What start-up made stays for good and need not be looked at again; of
the rest, nearly all garbage is freed without the collector, or by its small collections.
"""

import gc

THRESHOLDS = (1_000, 10, 100)
"""A full collection for a million objects that outlived two small ones; by default 70,000."""


def settle_collector() -> None:
    """To be called when start-up is done."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
