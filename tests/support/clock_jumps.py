"""A clock that jumps: what waits for minutes has waited them, and what does not is not hurried."""

import asyncio


def jump_clock(seconds: float) -> None:
    """The clock of the running loop, which is the test's own, goes ahead by so much.

    Every deadline within that time is over, those of replies under way too: let there be none.
    The database's clock and `time.monotonic()` stay as they are.
    """
    loop = asyncio.get_running_loop()
    clock = loop.time
    loop.time = lambda: clock() + seconds  # type: ignore[method-assign]
