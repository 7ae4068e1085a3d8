"""What a user sees of jobs: snapshots, event streams, cancelling."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from pydantic import BaseModel

from app import telemetry
from app.api.event_stream import PING, PING_EVERY_S, EventStream
from app.api.identity import Caller, UserId
from app.api.paging import Cursor, Limit
from app.api.problems import problem, refusals
from app.api.state import ApiState, api_state
from app.api.stream_places import TooManyStreams
from app.cursors import LIMIT_DEFAULT, position_cursor, read_position
from app.errors import DomainError, NotFound
from app.jobs.cancel import NotCancellable, cancel_job
from app.jobs.models import ACTIVE
from app.progress.snapshots import Snapshot, list_snapshots, load_snapshot
from app.progress.subscriptions import (
    SnapshotBroken,
    follow,
    read_version,
    sse_event,
)
from app.users.auth import Principal

VERSION = r"^[0-9]{1,18}$"
EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["snapshot", "problem"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string", "pattern": VERSION},
    },
}
"""An event of the stream, in OpenAPI."""

router = APIRouter(prefix="/api", tags=["insights"])


class StreamFinished(DomainError):
    """Nothing comes after the version the caller has: the stream is not opened again."""

    code, http_status = "stream_finished", 204


class SnapshotList(BaseModel):
    items: list[Snapshot]
    next_cursor: str | None


@router.get("/insights/jobs", responses=refusals())
async def list_jobs(
    request: Request, user_id: UserId, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> SnapshotList:
    """The user's jobs, newest first."""
    return await _page(request, user_id, limit=limit, cursor=cursor)


@router.get("/insights/jobs/{job_id}", responses=refusals(NotFound))
async def get_job(request: Request, user_id: UserId, job_id: UUID) -> Snapshot:
    """The job as it is now."""
    state = api_state(request)
    return await load_snapshot(user_id, job_id, state.keyring, state.positions)


async def _after_version(
    user_id: UserId,
    job_id: UUID,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", pattern=VERSION)] = None,
) -> int | None:
    """The version the caller has; before the stream starts, so that refusals have a status.

    Raises NotFound, and StreamFinished when that version is the last one.
    """
    version, state = await read_version(user_id, job_id)
    after_version = None if last_event_id is None else int(last_event_id)
    if state not in ACTIVE and version == after_version:
        raise StreamFinished
    return after_version


@router.get(
    "/insights/jobs/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    response_description="Events `snapshot`: `id` is the version, `data` the job as JSON. "
    "An event `problem`, with a problem document, ends the stream of a job that cannot be shown.",
    responses=refusals(NotFound, TooManyStreams)
    | {
        200: {"content": {"text/event-stream": {"schema": EVENT}}},
        204: {"description": "Nothing comes after that version."},
    },
)
async def stream_job(
    request: Request,
    principal: Caller,
    job_id: UUID,
    after_version: Annotated[int | None, Depends(_after_version)],
) -> EventStream:
    """Snapshots as the job changes, until it has ended, or the session. Resumes by
    `Last-Event-ID`. A user has at most 20 streams."""
    state = api_state(request)
    events = _events(state, principal, job_id, after_version)
    return EventStream(events, place=state.stream_places.of(principal.user_id))


async def _events(
    state: ApiState, principal: Principal, job_id: UUID, after_version: int | None
) -> AsyncGenerator[bytes]:
    following = follow(
        state.feed,
        principal.user_id,
        job_id,
        after_version=after_version,
        quiet_s=PING_EVERY_S,
        ends_at=principal.expires_at,
        is_over=lambda: state.sessions.is_over(principal),
    )
    is_open = state.sessions.streaming(principal.user_id)
    with telemetry.event_streams.track_inprogress(), is_open:
        async with aclosing(following):
            try:
                async for event in following:
                    yield PING if event is None else event.chunk
            except SnapshotBroken as error:
                yield sse_event("problem", problem(error)[2].decode())


@router.post("/insights/jobs/{job_id}/cancel", responses=refusals(NotFound, NotCancellable))
async def cancel(request: Request, user_id: UserId, job_id: UUID) -> Snapshot:
    """Ends a job that is not finished; all coins come back."""
    state = api_state(request)
    await cancel_job(user_id, job_id)
    state.notifications.cancelled([job_id])  # After commit: its worker stops at once.
    return await load_snapshot(user_id, job_id, state.keyring, state.positions)


@router.get("/chats/{chat_id}/insights", responses=refusals(NotFound))
async def list_insights_of_chat(
    request: Request,
    user_id: UserId,
    chat_id: UUID,
    limit: Limit = LIMIT_DEFAULT,
    cursor: Cursor = None,
) -> SnapshotList:
    """What was unlocked for a chat, newest first."""
    return await _page(request, user_id, limit=limit, cursor=cursor, chat_id=chat_id)


async def _page(
    request: Request,
    user_id: str,
    *,
    limit: int,
    cursor: str | None,
    chat_id: UUID | None = None,
) -> SnapshotList:
    state = api_state(request)
    found = await list_snapshots(
        user_id,
        state.keyring,
        state.positions,
        limit=limit + 1,
        after=read_position(cursor),
        succeeded_of_chat=chat_id,
    )
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return SnapshotList(
        items=shown, next_cursor=last and position_cursor((last.created_at, last.job_id))
    )
