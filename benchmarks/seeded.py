"""Databases with queued jobs: what is needed several times is seeded once, and copied."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Self

import asyncpg

from benchmarks.contestant import Job
from benchmarks.seed import Work, seed_work
from benchmarks.services import Services

Asked = tuple[Work, int]
"""Which work, and at least how many jobs of it."""


class SeededDatabases:
    """To be entered; what was copied from goes at the exit."""

    def __init__(self, services: Services, needed: Iterable[Asked] = ()) -> None:
        """`needed`: what will be asked for, as often as it will be."""
        self._services = services
        self._needed = Counter(needed)
        self._kept: dict[Asked, tuple[str, list[Job]]] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def database(self, work: Work, jobs: int) -> AsyncGenerator[tuple[str, list[Job]]]:
        """A database of its own, by its URL, and the jobs that are queued in it."""
        asked = (work, jobs)
        if self._needed[asked] > 1 and asked not in self._kept:
            url = await self._stack.enter_async_context(self._services.database())
            self._kept[asked] = url, await self._seeded(url, asked)
        if asked in self._kept:
            kept_url, queued = self._kept[asked]
            async with self._services.database(copy_of=kept_url) as url:
                yield url, queued
        else:
            async with self._services.database() as url:
                yield url, await self._seeded(url, asked)

    async def _seeded(self, database_url: str, asked: Asked) -> list[Job]:
        work, jobs = asked
        connection = await asyncpg.connect(database_url)
        try:
            return await seed_work(connection, self._services.master_key, work, jobs=jobs)
        finally:
            await connection.close()
