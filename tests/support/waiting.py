"""Waiting for what happens, in place of sleeping."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[bool] | bool], *, deadline_s: float = 60) -> None:
    """Returns once `condition` holds; fails after `deadline_s`."""
    async with asyncio.timeout(deadline_s):
        while True:
            holds = condition()
            if holds if isinstance(holds, bool) else await holds:
                return
            await asyncio.sleep(0.01)
