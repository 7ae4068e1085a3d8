"""What a user sees of a job: one snapshot, the same for polling, streams, lists and terminals."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Row

from app import telemetry
from app.acting import for_users
from app.catalog.categories import CATEGORIES
from app.catalog.content import InsightContent, NothingToSay
from app.credits.models import ReservationState
from app.crypto import ChatKey, KeyRing, SealBroken
from app.cursors import Position
from app.db import snapshot
from app.errors import NotFound
from app.jobs.leases import JobRef
from app.jobs.models import (
    ACTIVE,
    INSIGHTS_PER_JOB,
    NOTHING_TO_SAY,
    InsightState,
    JobState,
    Verdict,
)
from app.jobs.results import insight_binding
from app.progress.snapshot_sql import (
    CHAT_EXISTS,
    NAMED,
    NAMED_ARCHIVED,
    NEWEST,
    OF_CHAT,
    POSITIONS,
)

POSITIONS_MAX = 1_000
POSITIONS_S = 1.0

REFUNDED = "refunded"
WHOLE_INSIGHT = -1
"""In place of the number of a finding, where feedback is stored."""
_UNSUCCESSFUL = (JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED)

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class SettlementPart(_Part):
    """What became of the reserved coins, as the ledger has it."""

    state: Literal["held", "captured", "released", "expired", "refunded"]
    charged_coins: int
    released_coins: int
    refunded_coins: int


class ProgressPart(_Part):
    """`queue_position` counts from 1; null when the job does not wait, or far behind."""

    completed: int
    empty: int
    failed: int
    total: int
    queue_position: int | None


class FeedbackPart(_Part):
    """The user's verdict on a finding, counted from 0; on the whole insight when it is null."""

    finding: int | None
    verdict: Verdict


class InsightPart(_Part):
    """One of the six; `content` is null until the job has succeeded.

    `content_unreadable`: it is charged and stored, but does not open with the keys there are.
    `empty_reason` says why an empty one has no content, once the job has ended; it is not charged.
    """

    key: str
    title: str
    state: InsightState
    attempts: int
    duration_ms: int | None
    content: InsightContent | None
    content_deleted: bool
    content_unreadable: bool = False
    empty_reason: str | None = None
    feedback: tuple[FeedbackPart, ...] = ()


class Snapshot(_Part):
    """A job at one moment. `version` grows with everything in it but the queue position;
    `chat_revision` is the one whose messages its evidence names; `error_code` is why an ended job
    did not succeed: `nothing_to_say` when all six insights are empty."""

    job_id: UUID
    chat_id: UUID
    chat_revision: int
    category: str
    version: int
    state: JobState
    attempt: int
    price_coins: int
    settlement: SettlementPart
    progress: ProgressPart
    insights: list[InsightPart]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error_code: str | None
    message: str

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but a refund or the chat's deletion can change it any more."""
        return self.state not in ACTIVE


class QueuePositions:
    """The queue positions of waiting jobs, read at most once a second for a whole process."""

    def __init__(self) -> None:
        self._positions: dict[UUID, int] = {}
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def of(self, job_id: UUID) -> int | None:
        """The queue position of a queued job, 1 for the next; None beyond POSITIONS_MAX."""
        async with self._lock:
            if time.monotonic() - self._read_at >= POSITIONS_S:
                await self._read()
        position = self._positions.get(job_id)
        if position is None and len(self._positions) < POSITIONS_MAX:
            return len(self._positions) + 1  # It was queued after the last reading: at the end.
        return position

    async def _read(self) -> None:
        async with snapshot() as connection:
            found = await connection.execute(POSITIONS, {"limit": POSITIONS_MAX})
            self._positions = {row.id: place for place, row in enumerate(found, start=1)}
        self._read_at = time.monotonic()


async def load_snapshot(
    user_id: str, job_id: UUID, keyring: KeyRing, positions: QueuePositions
) -> Snapshot:
    """The job as it is now. Raises NotFound."""
    found = await load_snapshots([(user_id, job_id)], keyring, positions)
    if not found:
        raise NotFound
    return found[user_id, job_id]


async def load_snapshots(
    jobs: Sequence[JobRef], keyring: KeyRing, positions: QueuePositions
) -> dict[JobRef, Snapshot]:
    """Those of `jobs` that exist, as they are at one moment."""
    with for_users(*{user_id for user_id, _ in jobs}):
        rows = await _read_snapshots(jobs)
    loaded: dict[JobRef, Snapshot] = {}
    for six in _sixes(rows):
        loaded[six[0].user_id, six[0].id] = await _snapshot(six, keyring, positions)
        await asyncio.sleep(0)  # Opening the insights of a hundred jobs would hold up the loop.
    return loaded


async def _read_snapshots(jobs: Sequence[JobRef]) -> list[Row[Any]]:
    asked = {"user_ids": [user for user, _ in jobs], "ids": [job_id for _, job_id in jobs]}
    async with snapshot() as connection:
        rows = list(await connection.execute(NAMED, asked))
        if len(rows) < len(jobs) * INSIGHTS_PER_JOB:
            rows += await connection.execute(NAMED_ARCHIVED, asked)
    return rows


async def list_snapshots(
    user_id: str,
    keyring: KeyRing,
    positions: QueuePositions,
    *,
    limit: int,
    after: Position | None,
    succeeded_of_chat: UUID | None = None,
) -> list[Snapshot]:
    """At most `limit` jobs, newest first; with `succeeded_of_chat` only the succeeded ones of it.

    Raises NotFound when there is no such chat.
    """
    after_at, after_id = after or (None, None)
    chosen: dict[str, Any] = {
        "user_id": user_id,
        "limit": limit,
        "after_at": after_at,
        "after_id": after_id,
    }
    statement = NEWEST
    async with snapshot() as connection:
        if succeeded_of_chat is not None:
            statement, chosen = OF_CHAT, chosen | {"chat_id": succeeded_of_chat}
            if (await connection.execute(CHAT_EXISTS, chosen)).first() is None:
                raise NotFound
        found = await connection.execute(statement, chosen)
        rows = found.all()
    shown: list[Snapshot] = []
    for six in _sixes(rows):
        shown.append(await _snapshot(six, keyring, positions))
        await asyncio.sleep(0)  # Opening the insights of a hundred jobs would hold up the loop.
    return shown


def _sixes(rows: Sequence[Row[Any]]) -> Iterator[list[Row[Any]]]:
    """The rows job by job."""
    return (list(six) for _, six in groupby(rows, key=lambda row: (row.user_id, row.id)))


async def _snapshot(
    rows: Sequence[Row[Any]], keyring: KeyRing, positions: QueuePositions
) -> Snapshot:
    """The snapshot of a job from its six rows, each of which repeats the job."""
    job = rows[0]
    state = JobState(job.state)
    settlement = _settlement(job)
    is_shown = settlement.state != REFUNDED and (
        state is JobState.SUCCEEDED or _has_nothing_to_say(job)
    )
    key = _key_of(job, keyring) if is_shown and job.sealed_key is not None else None
    insights = [_insight(row, state, key, is_shown=is_shown) for row in rows]
    position = await positions.of(job.id) if state is JobState.QUEUED else None
    return Snapshot(
        job_id=job.id,
        chat_id=job.chat_id,
        chat_revision=job.revision,
        category=job.category,
        version=job.version,
        state=state,
        attempt=job.attempt,
        price_coins=job.price_coins,
        settlement=settlement,
        progress=ProgressPart(
            completed=sum(part.state is InsightState.COMPLETED for part in insights),
            empty=sum(part.state is InsightState.EMPTY for part in insights),
            failed=sum(part.state is InsightState.FAILED for part in insights),
            total=INSIGHTS_PER_JOB,
            queue_position=position,
        ),
        insights=insights,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        error_code=job.error_code if state in _UNSUCCESSFUL else None,
        message=_message(settlement, job.price_coins),
    )


def _has_nothing_to_say(job: Row[Any]) -> bool:
    return job.state == JobState.FAILED and job.error_code == NOTHING_TO_SAY


def _settlement(job: Row[Any]) -> SettlementPart:
    state = REFUNDED if job.refunded else ReservationState(job.reservation).value
    return SettlementPart(
        state=state,
        charged_coins=job.charged,
        released_coins=job.released,
        refunded_coins=job.refunded,
    )


def _key_of(job: Row[Any], keyring: KeyRing) -> ChatKey | None:
    try:
        return keyring.unwrap(job.key_id, job.sealed_key, job.user_id, job.chat_id)
    except SealBroken as error:
        _tell_unreadable(job, error.reason)
        return None


def _insight(
    row: Row[Any], job_state: JobState, key: ChatKey | None, *, is_shown: bool
) -> InsightPart:
    state = InsightState(row.insight_state)
    if state is InsightState.QUEUED and job_state is JobState.RUNNING:
        state = InsightState.RUNNING
    has_content = is_shown and row.sealed is not None and row.sealed_key is not None
    opened = _content(row, key, state) if has_content and key is not None else None
    return InsightPart(
        key=row.insight_key,
        title=_title(row.category, row.insight_key),
        state=state,
        attempts=row.insight_attempts,
        duration_ms=row.duration_ms,
        content=opened if isinstance(opened, InsightContent) else None,
        content_deleted=row.content_deleted,
        content_unreadable=has_content and opened is None,
        empty_reason=opened.text if isinstance(opened, NothingToSay) else None,
        feedback=_feedback(row),
    )


def _feedback(row: Row[Any]) -> tuple[FeedbackPart, ...]:
    given = zip(row.findings or (), row.verdicts or (), strict=True)
    return tuple(
        FeedbackPart(finding=None if finding == WHOLE_INSIGHT else finding, verdict=verdict)
        for finding, verdict in given
    )


def _content(
    row: Row[Any], key: ChatKey, state: InsightState
) -> InsightContent | NothingToSay | None:
    """None when it does not open: the other five, and all other jobs, are shown all the same."""
    place = insight_binding(row.user_id, row.id, row.insight_key, row.prompt_version)
    form = NothingToSay if state is InsightState.EMPTY else InsightContent
    try:
        return form.model_validate_json(key.open(row.sealed, *place))
    except SealBroken as error:
        _tell_unreadable(row, error.reason)
    except ValidationError:  # It would show the content.
        _tell_unreadable(row, "the content of an insight has another form")
    return None


def _tell_unreadable(job: Row[Any], reason: str) -> None:
    telemetry.unreadable.labels("insight").inc()
    log.error("job.unreadable", job_id=str(job.id), reason=reason)


def _title(category_key: str, insight_key: str) -> str:
    """The title in today's catalog; the key itself for what is no longer sold."""
    category = CATEGORIES.get(category_key)
    specs = category.insights if category else ()
    return next((spec.title for spec in specs if spec.key == insight_key), insight_key)


def _message(settlement: SettlementPart, price_coins: int) -> str:
    """What the ledger says, in words."""
    charged, returned = _coins(settlement.charged_coins), _coins(settlement.released_coins)
    match settlement.state:
        case "held":
            held = _coins(price_coins)
            return f"{held} are held. You are charged only for insights that are written."
        case "captured" if settlement.released_coins:
            return f"You were charged {charged}; {returned} came back."
        case "captured":
            return f"You were charged {charged}."
        case "refunded":
            back = _coins(settlement.refunded_coins)
            return f"You were charged {charged} and got {back} back."
        case "released" | "expired":
            return f"You were not charged. {returned} came back."


def _coins(count: int) -> str:
    return "1 coin" if count == 1 else f"{count} coins"
