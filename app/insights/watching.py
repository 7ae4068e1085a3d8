"""Following jobs live: one poll of the database for all listeners of a process.

Nudges make it prompt, and are not needed: what they miss, the poll finds.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.crypto import KeyRing
from app.db import snapshot
from app.errors import NotFound, Unavailable
from app.insights.models import ACTIVE, JobState
from app.insights.progress import QueuePositions, Snapshot, load_snapshot

POLL_S = 0.5
LOOK_UP_S = 1.0
"""How often a listener looks up from waiting: for its queue position, and for a shutdown."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

JobRef = tuple[str, UUID]
Seen = tuple[int, JobState]
"""The version and state of a job."""


@dataclass(slots=True)
class _Watched:
    """A job with listeners: what was seen of it last, and an event that its change sets."""

    listeners: int = 0
    latest: Seen | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class JobBoard:
    """The jobs that are watched in this process; it polls only while there are any."""

    def __init__(self) -> None:
        self._watched: dict[JobRef, _Watched] = {}
        self._by_id: dict[UUID, JobRef] = {}
        self._nudged: set[JobRef] = set()
        self._is_nudged = asyncio.Event()
        self._poll: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, job: JobRef) -> Generator[_Watched]:
        """The job is polled while the block runs."""
        watched = self._watched.setdefault(job, _Watched())
        self._by_id[job[1]] = job
        watched.listeners += 1
        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._poll_while_watched())
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
            self._nudged.add(job)
            self._is_nudged.set()

    async def close(self) -> None:
        """Ends the poll."""
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.wait({self._poll})

    async def _poll_while_watched(self) -> None:
        read_at = time.monotonic()
        while self._watched:
            await _wait(self._is_nudged, max(0.0, read_at + POLL_S - time.monotonic()))
            self._is_nudged.clear()
            nudged, self._nudged = self._nudged, set()
            if time.monotonic() - read_at >= POLL_S:
                read_at = time.monotonic()
                nudged = set(self._watched)  # Nudges get lost: all are read twice a second.
            if nudged:
                await self._read(list(nudged))

    async def _read(self, jobs: list[JobRef]) -> None:
        try:
            found = await read_versions(jobs)
        except (Unavailable, DBAPIError):
            log.warning("job_board.database_away", jobs=len(jobs))
            return
        for job, seen in found.items():
            self._tell(job, seen)

    def _tell(self, job: JobRef, seen: Seen) -> None:
        watched = self._watched.get(job)
        if watched is None or watched.latest == seen:
            return
        watched.latest = seen
        # Whoever waits holds the old event; whoever comes next waits for the next change.
        watched.changed.set()
        watched.changed = asyncio.Event()


async def watch(
    user_id: str,
    job_id: UUID,
    keyring: KeyRing,
    positions: QueuePositions,
    board: JobBoard,
    *,
    after_version: int | None,
    stopping: asyncio.Event,
) -> AsyncGenerator[Snapshot]:
    """Snapshots as the job changes, first the current one unless `after_version` is current.

    Ends after a terminal one, and when `stopping` is set. Raises NotFound.
    """
    seen_position: int | None = None
    with board.watching((user_id, job_id)) as watched:
        version, state = await read_version(user_id, job_id)
        is_news = version != after_version
        while not stopping.is_set():
            changed = watched.changed  # Taken before reading, so that no change is missed.
            if state is JobState.QUEUED and not is_news:
                is_news = await positions.of(user_id, job_id) != seen_position
            if is_news:
                current = await load_snapshot(user_id, job_id, keyring, positions)
                yield current
                version, state = current.version, current.state
                seen_position = current.progress.queue_position
            if state not in ACTIVE:
                return
            await _wait(changed, LOOK_UP_S)
            latest, latest_state = watched.latest or (version, state)
            is_news = latest > version
            state = latest_state if is_news else state


async def read_version(user_id: str, job_id: UUID) -> Seen:
    """The version and state of a job. Raises NotFound."""
    found = await read_versions([(user_id, job_id)])
    if not found:
        raise NotFound
    return found[user_id, job_id]


async def read_versions(jobs: list[JobRef]) -> dict[JobRef, Seen]:
    """Version and state of those of `jobs` that exist."""
    async with snapshot() as connection:
        found = await connection.execute(
            _VERSIONS,
            {"user_ids": [user_id for user_id, _ in jobs], "ids": [job_id for _, job_id in jobs]},
        )
        return {(row.user_id, row.id): (row.version, JobState(row.state)) for row in found}


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


_VERSIONS = text("""
    SELECT j.user_id, j.id, j.version, j.state
    FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])) AS watched (user_id, id)
    JOIN jobs j USING (user_id, id)
""")
