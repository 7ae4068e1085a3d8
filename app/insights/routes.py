"""The catalog, unlocking, and what a user sees of a job."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app import telemetry
from app.crypto import KeyRing
from app.cursors import LIMIT_DEFAULT, LIMIT_MAX, place_cursor, read_place
from app.errors import DomainError, NotFound
from app.event_stream import PING, PING_EVERY_S, EventStream
from app.jobs.cancel import NotCancellable, cancel_job
from app.catalog.categories import CATEGORIES, UnknownCategory
from app.jobs.chat_deletion import delete_chat
from app.jobs.models import ACTIVE
from app.jobs.notifications import Notifications
from app.progress.snapshots import QueuePositions, Snapshot, list_snapshots, load_snapshot
from app.jobs.refund import NotRefundable, refund_job
from app.unlocks.unlock import (
    AlreadyUnlocked,
    DailyLimit,
    IdempotencyKeyReused,
    InsufficientCoins,
    PriceChanged,
    UnlockInProgress,
    Wake,
    unlock_category,
)
from app.unlocks.batch import UnlockBatcher, UnlockOrder, UnlockTerms
from app.progress.subscriptions import SnapshotFeed, follow, read_version
from app.problems import Forbidden, refusals
from app.users.auth import REFUND_SCOPE
from app.users.http import Caller, GivenUserId, StoredText, UserId, require_scope

PRICE_COINS_MAX = 1_000_000
REASON_CHARS_MAX = 200
# A BCP 47 language tag: language, then script, region and variants.
LANGUAGE_TAG = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$"
PRINTABLE_ASCII = r"^[\x20-\x7e]+$"
VERSION = r"^[0-9]{1,18}$"

router = APIRouter(prefix="/api", tags=["insights"])

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")]
Cursor = Annotated[str | None, Query(description="The `next_cursor` of the page before.")]


class StreamFinished(DomainError):
    """Nothing comes after the version the caller has: the stream is not opened again."""

    code, http_status = "stream_finished", 204


class InsightTitle(BaseModel):
    key: str
    title: str
    description: str


class CategoryBody(BaseModel):
    key: str
    title: str
    price_coins: int
    insights: list[InsightTitle]


class CategoryList(BaseModel):
    items: list[CategoryBody]


class UnlockBody(BaseModel):
    """`price_coins`: the price the user agreed to; if it is another by now, nothing is sold."""

    model_config = ConfigDict(extra="forbid")

    chat_id: UUID
    category: Annotated[StoredText, Field(min_length=1, max_length=64)]
    price_coins: Annotated[int | None, Field(strict=True, ge=0, le=PRICE_COINS_MAX)] = None
    language: Annotated[str | None, Field(max_length=35, pattern=LANGUAGE_TAG)] = None


class BalanceBody(BaseModel):
    available: int
    held: int


class LinksBody(BaseModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    self_: Annotated[str, Field(alias="self")]
    events: str


class UnlockedBody(BaseModel):
    job_id: UUID
    state: str
    price_coins: int
    balance: BalanceBody
    links: LinksBody


class RefundBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: GivenUserId
    job_id: UUID
    reason: Annotated[StoredText, Field(min_length=1, max_length=REASON_CHARS_MAX)]


class RefundedBody(BaseModel):
    """The refund's entry in the user's statement is the one numbered `seq`."""

    user_id: str
    job_id: UUID
    seq: int
    coins: int
    at: datetime


class SnapshotList(BaseModel):
    items: list[Snapshot]
    next_cursor: str | None


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=PRINTABLE_ASCII,
        description="The same key and body always get the same answer, and are charged once.",
    ),
]


@router.get("/categories", responses=refusals())
async def list_categories() -> CategoryList:
    """What can be unlocked, and for how many coins."""
    return CategoryList(
        items=[
            CategoryBody(
                key=category.key,
                title=category.title,
                price_coins=category.price_coins,
                insights=[
                    InsightTitle(key=one.key, title=one.title, description=one.description)
                    for one in category.insights
                ],
            )
            for category in CATEGORIES.values()
        ]
    )


@router.post(
    "/insights/unlock",
    status_code=202,
    responses=refusals(
        IdempotencyKeyReused,
        NotFound,
        UnknownCategory,
        AlreadyUnlocked,
        UnlockInProgress,
        PriceChanged,
        DailyLimit,
        InsufficientCoins,
    )
    | {
        202: {
            "headers": {
                "Idempotency-Replayed": {
                    "description": "`true` when this repeats the answer to an earlier call.",
                    "schema": {"type": "string"},
                }
            }
        }
    },
)
async def unlock(
    request: Request,
    response: Response,
    user_id: UserId,
    given: UnlockBody,
    idempotency_key: IdempotencyKey = None,
) -> UnlockedBody:
    """Reserves the price and starts the six insights; coins are charged when all six exist."""
    wake: Wake = request.app.state.wake
    terms: UnlockTerms = request.app.state.unlock_terms
    batcher: UnlockBatcher = request.app.state.unlock_batcher
    order = UnlockOrder(
        user_id=user_id,
        chat_id=given.chat_id,
        category=given.category,
        price_coins=given.price_coins,
        language=given.language,
        idempotency_key=idempotency_key,
    )
    unlocked = await unlock_category(order, wake=wake, terms=terms, batcher=batcher)
    if unlocked.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    job = f"/api/insights/jobs/{unlocked.job_id}"
    return UnlockedBody(
        job_id=unlocked.job_id,
        state=unlocked.state,
        price_coins=unlocked.price_coins,
        balance=BalanceBody(available=unlocked.available, held=unlocked.held),
        links=LinksBody(self_=job, events=f"{job}/events"),
    )


@router.get("/insights/jobs", responses=refusals())
async def list_jobs(
    request: Request, user_id: UserId, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> SnapshotList:
    """The user's jobs, newest first."""
    return await _page(request, user_id, limit=limit, cursor=cursor)


@router.get("/insights/jobs/{job_id}", responses=refusals(NotFound))
async def get_job(request: Request, user_id: UserId, job_id: UUID) -> Snapshot:
    """The job as it is now."""
    return await load_snapshot(user_id, job_id, _keyring(request), _positions(request))


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
    response_description="Events `snapshot`: `id` is the version, `data` the job as JSON.",
    responses=refusals(NotFound) | {204: {"description": "Nothing comes after that version."}},
)
async def stream_job(
    request: Request,
    user_id: UserId,
    job_id: UUID,
    after_version: Annotated[int | None, Depends(_after_version)],
) -> EventStream:
    """Snapshots as the job changes, until it has ended. Resumes by `Last-Event-ID`."""
    feed: SnapshotFeed = request.app.state.feed
    return EventStream(_events(feed, user_id, job_id, after_version))


async def _events(
    feed: SnapshotFeed, user_id: str, job_id: UUID, after_version: int | None
) -> AsyncGenerator[bytes]:
    following = follow(
        feed, user_id, job_id, after_version=after_version, quiet_s=PING_EVERY_S
    )
    with telemetry.event_streams.track_inprogress():
        async with aclosing(following):
            async for event in following:
                yield PING if event is None else event.chunk


@router.post("/insights/jobs/{job_id}/cancel", responses=refusals(NotFound, NotCancellable))
async def cancel(request: Request, user_id: UserId, job_id: UUID) -> Snapshot:
    """Ends a job that is not finished; all coins come back."""
    await cancel_job(user_id, job_id)
    _notifications(request).cancelled([job_id])  # After commit: its worker stops at once.
    return await load_snapshot(user_id, job_id, _keyring(request), _positions(request))


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


@router.delete("/chats/{chat_id}", status_code=204, responses=refusals(NotFound), tags=["chats"])
async def delete(request: Request, user_id: UserId, chat_id: UUID) -> None:
    """Destroys the chat's key, and so the chat and its insights; the statement stays."""
    _notifications(request).cancelled(await delete_chat(user_id, chat_id))


@router.post(
    "/credits/refunds",
    status_code=201,
    response_model=RefundedBody,
    responses=refusals(Forbidden, NotFound, NotRefundable)
    | {200: {"model": RefundedBody, "description": "The job was refunded before."}},
    tags=["credits"],
)
async def refund(
    request: Request, principal: Caller, given: RefundBody, response: Response
) -> RefundedBody:
    """Gives the coins of a charged job back, once. Needs the scope `credits:refund`.

    Its content is hidden and its category can be bought again.
    """
    require_scope(principal, REFUND_SCOPE)
    entry, is_new = await refund_job(
        given.user_id, given.job_id, reason=given.reason, actor=principal.user_id
    )
    _notifications(request).changed([given.job_id])
    response.status_code = 201 if is_new else 200
    return RefundedBody(
        user_id=given.user_id,
        job_id=given.job_id,
        seq=entry.seq,
        coins=entry.amount,
        at=entry.at,
    )


async def _page(
    request: Request,
    user_id: str,
    *,
    limit: int,
    cursor: str | None,
    chat_id: UUID | None = None,
) -> SnapshotList:
    found = await list_snapshots(
        user_id,
        _keyring(request),
        _positions(request),
        limit=limit + 1,
        after=read_place(cursor),
        succeeded_of_chat=chat_id,
    )
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return SnapshotList(
        items=shown, next_cursor=last and place_cursor((last.created_at, last.job_id))
    )


def _keyring(request: Request) -> KeyRing:
    keyring: KeyRing = request.app.state.keyring
    return keyring


def _positions(request: Request) -> QueuePositions:
    positions: QueuePositions = request.app.state.positions
    return positions


def _notifications(request: Request) -> Notifications:
    notifications: Notifications = request.app.state.notifications
    return notifications
