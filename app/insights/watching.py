"""Following jobs live: one reader of the database for all listeners of a process.

Nudges make it prompt, and are not needed: what they miss, the poll finds. Listeners of one job
share one snapshot, read and encoded once; no connection is held while they wait.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.crypto import KeyRing
from app.db import lone_read
from app.errors import NotFound, Unavailable
from app.event_stream import event
from app.insights.claim import JobRef
from app.insights.models import JobState
from app.insights.progress import QueuePositions, Snapshot, load_snapshots

POLL_S = 0.5
READ_MAX = 200
"""Snapshots read by one statement."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class News:
    """A snapshot, encoded once for all who listen."""

    version: int
    is_terminal: bool
    snapshot: Snapshot = field(repr=False)
    chunk: bytes = field(repr=False)
    """The snapshot as an event of a stream."""

    @classmethod
    def of(cls, current: Snapshot) -> "News":
        chunk = event("snapshot", current.version, current.model_dump_json())
        return cls(current.version, current.is_terminal, current, chunk)


@dataclass(slots=True)
class Watched:
    """A job with listeners: its latest news, and an event that the next ones set."""

    listeners: int = 0
    latest: News | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, news: News | None) -> None:
        """Whoever waits holds the old event; whoever comes next waits for the next change."""
        self.latest = news or self.latest
        self.changed.set()
        self.changed = asyncio.Event()


class JobBoard:
    """The jobs that are watched in this process; it reads only while there are any."""

    def __init__(
        self, keyring: KeyRing, positions: QueuePositions, *, stopping: asyncio.Event
    ) -> None:
        self._keyring = keyring
        self._positions = positions
        self._stopping = stopping
        self._watched: dict[JobRef, Watched] = {}
        self._by_id: dict[UUID, JobRef] = {}
        self._nudged: set[JobRef] = set()
        self._is_nudged = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    @contextmanager
    def watching(self, job: JobRef) -> Generator[Watched]:
        """The job is read while the block runs, at once if nobody else listens to it."""
        watched = self._watched.setdefault(job, Watched())
        self._by_id[job[1]] = job
        watched.listeners += 1
        if watched.latest is None:
            self._ask(job)
        if self._reader is None or self._reader.done():
            self._reader = asyncio.create_task(self._read_while_watched())
        try:
            yield watched
        finally:
            watched.listeners -= 1
            if watched.listeners == 0:
                del self._watched[job], self._by_id[job[1]]

    async def nudge(self, job_id: UUID) -> None:
        """The job may have changed: it is read now, together with what else was nudged."""
        job = self._by_id.get(job_id)
        if job is not None:
            self._ask(job)

    async def close(self) -> None:
        """Ends the reader."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})

    def _ask(self, job: JobRef) -> None:
        self._nudged.add(job)
        self._is_nudged.set()

    async def _read_while_watched(self) -> None:
        polled_at = time.monotonic()
        while self._watched:
            await _wait(self._is_nudged, max(0.0, polled_at + POLL_S - time.monotonic()))
            self._is_nudged.clear()
            asked, self._nudged = self._nudged, set()
            try:
                if time.monotonic() - polled_at >= POLL_S:
                    polled_at = time.monotonic()
                    asked |= await self._outdated()  # Nudges get lost: all are polled.
                    await self._tell_positions()
                await self._read(asked)
            except (Unavailable, DBAPIError):
                log.warning("job_board.database_away", jobs=len(self._watched))
            if self.is_stopping:
                for watched in self._watched.values():
                    watched.tell(None)

    async def _outdated(self) -> set[JobRef]:
        """The watched jobs whose latest news are not their latest version."""
        versions = await _read_versions(list(self._watched))
        return {
            job
            for job, (version, _) in versions.items()
            if (watched := self._watched.get(job)) is not None
            and (watched.latest is None or watched.latest.version < version)
        }

    async def _read(self, jobs: set[JobRef]) -> None:
        waiting = iter(jobs)
        while batch := list(islice(waiting, READ_MAX)):
            for job, current in (await self._load(batch)).items():
                watched = self._watched.get(job)
                if watched is not None and _is_news(watched.latest, current):
                    watched.tell(News.of(current))

    async def _load(self, jobs: list[JobRef]) -> dict[JobRef, Snapshot]:
        """Their snapshots; without those that cannot be read, which are logged."""
        try:
            return await load_snapshots(jobs, self._keyring, self._positions)
        except (Unavailable, DBAPIError):
            raise
        except Exception:
            if len(jobs) == 1:
                log.exception("job_board.unreadable", job_id=str(jobs[0][1]))
                return {}
        loaded: dict[JobRef, Snapshot] = {}
        for job in jobs:
            loaded |= await self._load([job])
        return loaded

    async def _tell_positions(self) -> None:
        """Who waits in the queue hears when it moves; nothing else of the job is read for it."""
        for job, watched in list(self._watched.items()):
            known = watched.latest.snapshot if watched.latest else None
            if known is None or known.state is not JobState.QUEUED:
                continue
            position = await self._positions.of(*job)
            if position != known.progress.queue_position:
                moved = known.progress.model_copy(update={"queue_position": position})
                watched.tell(News.of(known.model_copy(update={"progress": moved})))


async def watch(
    board: JobBoard, user_id: str, job_id: UUID, *, after_version: int | None
) -> AsyncGenerator[News]:
    """News of the job as it changes, first the current ones unless `after_version` is current.

    Ends after terminal ones, and when the process stops. A listener that is slow misses what was
    in between and gets the latest. The job must exist (`read_version`).
    """
    async with aclosing(follow(board, user_id, job_id, after_version=after_version)) as following:
        async for news in following:
            if news is not None:
                yield news


async def follow(
    board: JobBoard,
    user_id: str,
    job_id: UUID,
    *,
    after_version: int | None,
    quiet_s: float | None = None,
) -> AsyncGenerator[News | None]:
    """As `watch`, with None whenever nothing happened for `quiet_s` seconds."""
    with board.watching((user_id, job_id)) as watched:
        told: News | None = None
        while not board.is_stopping:
            changed = watched.changed  # Taken before looking, so that no change is missed.
            latest = watched.latest
            if latest is not None and latest is not told:
                if told is not None or after_version is None or latest.version > after_version:
                    yield latest
                told = latest
                if latest.is_terminal:
                    return
            elif not await _wait(changed, quiet_s):
                yield None


async def read_version(user_id: str, job_id: UUID) -> tuple[int, JobState]:
    """The version and state of a job. Raises NotFound."""
    found = await _read_versions([(user_id, job_id)])
    if not found:
        raise NotFound
    return found[user_id, job_id]


async def _read_versions(jobs: list[JobRef]) -> dict[JobRef, tuple[int, JobState]]:
    async with lone_read() as connection:
        found = await connection.execute(
            _VERSIONS,
            {"user_ids": [user_id for user_id, _ in jobs], "ids": [job_id for _, job_id in jobs]},
        )
        return {(row.user_id, row.id): (row.version, JobState(row.state)) for row in found}


def _is_news(known: News | None, current: Snapshot) -> bool:
    return known is None or known.version < current.version


async def _wait(happening: asyncio.Event, seconds: float | None) -> bool:
    """Whether it happened within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            return await happening.wait()
    except TimeoutError:
        return False


_VERSIONS = text("""
    SELECT j.user_id, j.id, j.version, j.state
    FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])) AS watched (user_id, id)
    JOIN jobs j USING (user_id, id)
""")
