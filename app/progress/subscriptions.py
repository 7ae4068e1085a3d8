"""The snapshot feed: one reader of the database for all subscriptions of a process.

Notifications make it prompt and are not needed: what they miss, the poll finds. Listeners of one
job share one snapshot, read and encoded once; no connection is held while they wait.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.acting import for_users
from app.crypto import KeyRing
from app.db import lone_read
from app.errors import DomainError, NotFound, Unavailable
from app.jobs.leases import JobRef
from app.jobs.models import JobState
from app.progress.snapshots import QueuePositions, Snapshot, load_snapshots
from app.supervision import supervised

POLL_S = 0.5
QUIET_S = 3_600.0
READ_MAX = 200
"""Snapshots read by one statement."""

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class SnapshotBroken(DomainError):
    """This job cannot be shown just now; it was logged and will be looked at."""

    code, http_status = "job_unreadable", 500


@dataclass(frozen=True, slots=True)
class SnapshotEvent:
    """A snapshot, encoded once for all who listen."""

    version: int
    is_terminal: bool
    snapshot: Snapshot = field(repr=False)
    chunk: bytes = field(repr=False)
    """The snapshot as an event of a stream."""

    @classmethod
    def of(cls, current: Snapshot) -> "SnapshotEvent":
        """The event of a snapshot."""
        chunk = sse_event("snapshot", current.model_dump_json(), number=current.version)
        return cls(current.version, current.is_terminal, current, chunk)


@dataclass(slots=True)
class Subscription:
    """A job with listeners: its latest snapshot, and an asyncio event that the next one sets."""

    listeners: int = 0
    latest: SnapshotEvent | None = None
    is_broken: bool = False
    """The job cannot be shown, by a fault of ours: its streams end, and it is read no more."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, event: SnapshotEvent | None) -> None:
        """Waiters hold the old asyncio event; those that come next wait for the next change."""
        self.latest = event or self.latest
        self.changed.set()
        self.changed = asyncio.Event()


class SnapshotFeed:
    """The jobs with listeners in this process; the database is read only while there are any."""

    def __init__(
        self, keyring: KeyRing, positions: QueuePositions, *, stopping: asyncio.Event
    ) -> None:
        self._keyring = keyring
        self._positions = positions
        self._stopping = stopping
        self._subscriptions: dict[JobRef, Subscription] = {}
        self._by_id: dict[UUID, JobRef] = {}
        self._asked: set[JobRef] = set()
        self._is_asked = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    @contextmanager
    def subscribed(self, job: JobRef) -> Generator[Subscription]:
        """The job is read while the block runs, at once if it is its first listener."""
        subscription = self._subscriptions.setdefault(job, Subscription())
        self._by_id[job[1]] = job
        subscription.listeners += 1
        if subscription.latest is None:
            self._ask(job)
        if self._reader is None or self._reader.done():
            self._reader = supervised("snapshot reader", self._read_while_subscribed)
        try:
            yield subscription
        finally:
            subscription.listeners -= 1
            if subscription.listeners == 0:
                del self._subscriptions[job], self._by_id[job[1]]

    async def refresh(self, job_id: UUID) -> None:
        """The job may have changed: it is read now, together with what else was asked for."""
        job = self._by_id.get(job_id)
        if job is not None:
            self._ask(job)

    def wake(self, user_id: str) -> None:
        """The user's streams look whether they are over."""
        for (owner, _), subscription in self._subscriptions.items():
            if owner == user_id:
                subscription.publish(None)

    async def close(self) -> None:
        """Ends the reader."""
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait({self._reader})

    def _give_up(self, job: JobRef) -> None:
        subscription = self._subscriptions.get(job)
        if subscription is not None:
            subscription.is_broken = True
            subscription.publish(None)

    def _ask(self, job: JobRef) -> None:
        self._asked.add(job)
        self._is_asked.set()

    async def _read_while_subscribed(self) -> None:
        polled_at = time.monotonic()
        while self._subscriptions:
            await _wait(self._is_asked, max(0.0, polled_at + POLL_S - time.monotonic()))
            self._is_asked.clear()
            asked, self._asked = self._asked, set()
            try:
                if time.monotonic() - polled_at >= POLL_S:
                    polled_at = time.monotonic()
                    asked |= await self._outdated()  # Notifications get lost: all are polled.
                    await self._publish_positions()
                await self._read(asked)
            except Unavailable:
                pass  # Why is in the log already; what was asked for is found by the next poll.
            if self.is_stopping:
                for subscription in self._subscriptions.values():
                    subscription.publish(None)

    async def _outdated(self) -> set[JobRef]:
        """The jobs with listeners whose latest event is not their latest version."""
        versions = await _read_versions(list(self._subscriptions))
        return {
            job
            for job, (version, _) in versions.items()
            if (subscription := self._subscriptions.get(job)) is not None
            and not subscription.is_broken
            and (subscription.latest is None or subscription.latest.version < version)
        }

    async def _read(self, jobs: set[JobRef]) -> None:
        waiting = iter(jobs)
        while batch := list(islice(waiting, READ_MAX)):
            for job, current in (await self._load(batch)).items():
                subscription = self._subscriptions.get(job)
                if subscription is not None and _is_newer(subscription.latest, current):
                    subscription.publish(SnapshotEvent.of(current))

    async def _load(self, jobs: list[JobRef]) -> dict[JobRef, Snapshot]:
        """Their snapshots; without those that cannot be shown, which are logged and given up."""
        try:
            return await load_snapshots(jobs, self._keyring, self._positions)
        except (Unavailable, DBAPIError):
            raise
        except Exception:
            if len(jobs) == 1:
                log.exception("snapshot_feed.job_broken", job_id=str(jobs[0][1]))
                self._give_up(jobs[0])
                return {}
        loaded: dict[JobRef, Snapshot] = {}
        for job in jobs:
            loaded |= await self._load([job])
        return loaded

    async def _publish_positions(self) -> None:
        """Publishes changed queue positions; nothing else of the job is read for it."""
        for job, subscription in list(self._subscriptions.items()):
            known = subscription.latest.snapshot if subscription.latest else None
            if known is None or known.state is not JobState.QUEUED:
                continue
            position = await self._positions.of(job[1])
            if position != known.progress.queue_position:
                moved = known.progress.model_copy(update={"queue_position": position})
                subscription.publish(SnapshotEvent.of(known.model_copy(update={"progress": moved})))


async def watch(
    feed: SnapshotFeed, user_id: str, job_id: UUID, *, after_version: int | None
) -> AsyncGenerator[SnapshotEvent]:
    """Snapshots of the job as it changes, first the current one unless `after_version` is it.

    Ends after a terminal one, and when the process stops. A listener that is slow misses what was
    in between and gets the latest. The job must exist (`read_version`). Raises SnapshotBroken.
    """
    async with aclosing(follow(feed, user_id, job_id, after_version=after_version)) as following:
        async for event in following:
            if event is not None:
                yield event


async def follow(
    feed: SnapshotFeed,
    user_id: str,
    job_id: UUID,
    *,
    after_version: int | None,
    quiet_s: float = QUIET_S,
    ends_at: float = math.inf,
    is_over: Callable[[], bool] = lambda: False,
) -> AsyncGenerator[SnapshotEvent | None]:
    """As `watch`, with None whenever nothing happened for `quiet_s` seconds, and at the latest
    until `ends_at` (Unix seconds), or `is_over` when the feed wakes the user's streams."""
    with feed.subscribed((user_id, job_id)) as subscription:
        told: SnapshotEvent | None = None
        while not (feed.is_stopping or is_over()) and (left_s := ends_at - time.time()) > 0:
            changed = subscription.changed  # Taken before looking, so that no change is missed.
            latest = subscription.latest
            if latest is not None and latest is not told:
                if told is not None or after_version is None or latest.version > after_version:
                    yield latest
                told = latest
                if latest.is_terminal:
                    return
            elif subscription.is_broken:
                raise SnapshotBroken
            elif not await _wait(changed, min(quiet_s, left_s)):
                yield None


def sse_event(name: str, text: str, *, number: int | None = None) -> bytes:
    """A server-sent event on the wire; `text` has no line break."""
    id_ = "" if number is None else f"id: {number}\n"
    return f"event: {name}\ndata: {text}\n{id_}\n".encode()


async def read_version(user_id: str, job_id: UUID) -> tuple[int, JobState]:
    """The version and state of a job. Raises NotFound."""
    found = await _read_versions([(user_id, job_id)])
    if not found:
        raise NotFound
    return found[user_id, job_id]


async def _read_versions(jobs: list[JobRef]) -> dict[JobRef, tuple[int, JobState]]:
    with for_users(*{user_id for user_id, _ in jobs}):
        return await _read_versions_of(jobs)


async def _read_versions_of(jobs: list[JobRef]) -> dict[JobRef, tuple[int, JobState]]:
    async with lone_read() as connection:
        found = await connection.execute(
            _VERSIONS,
            {"user_ids": [user_id for user_id, _ in jobs], "ids": [job_id for _, job_id in jobs]},
        )
        return {(row.user_id, row.id): (row.version, JobState(row.state)) for row in found}


def _is_newer(known: SnapshotEvent | None, current: Snapshot) -> bool:
    return known is None or known.version < current.version


async def _wait(happening: asyncio.Event, seconds: float) -> bool:
    """Whether it happened within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            return await happening.wait()
    except TimeoutError:
        return False


_VERSIONS = text("""
    SELECT j.user_id, j.id, j.version, j.state
    FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])) AS asked (user_id, id)
    JOIN jobs j USING (user_id, id)
""")
