"""Connections that a server refuses."""

import gc
import warnings


def forget_refused_connections() -> None:
    """Collects what is left of them: on a busy machine asyncpg drops the transport of a connection
    that was refused before it is closed, and a later test would be told of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
