"""The balance, the statement, and grants."""

import csv
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime
from io import StringIO
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.identity import WHOLE, Caller, GivenUserId, StoredText, UserId, require_scope
from app.api.paging import Limit, SeqCursor
from app.api.problems import Forbidden, refusals
from app.api.state import api_state
from app.credits.accounts import grant_coins, opened_balance, read_statement
from app.credits.models import Bucket, EntryKind
from app.credits.service import GRANT_COINS_MAX, Entry, OwnAccount, ReferenceReused
from app.cursors import LIMIT_DEFAULT, read_seq, seq_cursor
from app.errors import NotFound
from app.jobs.refund import JobArchived, NotRefundable, refund_job
from app.users.auth import GRANT_SCOPE, REFUND_SCOPE

ROWS_PER_READ = 500
GRANT_TEXT_CHARS_MAX = 200
REASON_CHARS_MAX = 200

# What a spreadsheet would take for a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

router = APIRouter(prefix="/api/credits", tags=["credits"])


class BalanceBody(BaseModel):
    available: int
    held: int


class EntryBody(BaseModel):
    """One movement of coins; `seq` has no gaps."""

    user_id: str
    seq: int
    kind: EntryKind
    src: Bucket
    dst: Bucket
    amount: int
    available_after: int
    held_after: int
    op_key: str
    reservation_id: UUID | None
    actor: str
    reason: str | None
    at: datetime


class EntryList(BaseModel):
    items: list[EntryBody]
    next_cursor: str | None


GrantText = Annotated[StoredText, Field(min_length=1, max_length=GRANT_TEXT_CHARS_MAX)]


class GrantBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: GivenUserId
    coins: Annotated[int, Field(strict=True, ge=1, le=GRANT_COINS_MAX), WHOLE]
    reason: GrantText
    reference: GrantText


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


@router.get("", responses=refusals())
async def get_balance(user_id: UserId) -> BalanceBody:
    """The coins of the user; the first visit opens the account with its free coins."""
    balance = await opened_balance(user_id)
    return BalanceBody(available=balance.available, held=balance.held)


@router.get("/entries", responses=refusals())
async def list_entries(
    user_id: UserId,
    limit: Limit = LIMIT_DEFAULT,
    cursor: SeqCursor = None,
) -> EntryList:
    """The statement, newest first."""
    before_seq = read_seq(cursor)
    found = await read_statement(user_id, limit=limit + 1, before_seq=before_seq)
    shown = found[:limit]
    return EntryList(
        items=[_body(user_id, entry) for entry in shown],
        next_cursor=seq_cursor(shown[-1].seq) if len(found) > limit else None,
    )


@router.get(
    "/entries.csv",
    response_class=StreamingResponse,
    responses=refusals() | {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def download_entries(user_id: UserId) -> StreamingResponse:
    """The whole statement, newest first, as a file that is safe to open in a spreadsheet."""
    first = await read_statement(user_id, limit=ROWS_PER_READ)
    return StreamingResponse(
        _csv(user_id, first),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="sixfold-entries.csv"'},
    )


@router.post(
    "/grants",
    status_code=201,
    response_model=EntryBody,
    responses=refusals(Forbidden, OwnAccount, ReferenceReused)
    | {200: {"model": EntryBody, "description": "The same grant was made before."}},
)
async def grant(principal: Caller, given: GrantBody, response: Response) -> EntryBody:
    """Gives coins to another user, once for each reference. Needs the scope `credits:grant`."""
    require_scope(principal, GRANT_SCOPE)
    entry, is_new = await grant_coins(
        given.user_id,
        coins=given.coins,
        reason=given.reason,
        reference=given.reference,
        actor=principal.user_id,
    )
    response.status_code = 201 if is_new else 200
    return _body(given.user_id, entry)


@router.post(
    "/refunds",
    status_code=201,
    response_model=RefundedBody,
    responses=refusals(Forbidden, OwnAccount, NotFound, NotRefundable, JobArchived)
    | {200: {"model": RefundedBody, "description": "The job was refunded before."}},
)
async def refund(
    request: Request, principal: Caller, given: RefundBody, response: Response
) -> RefundedBody:
    """Gives the coins of another user's job back, once. Needs the scope `credits:refund`.

    Its content is hidden and its category can be bought again.
    """
    require_scope(principal, REFUND_SCOPE)
    entry, is_new = await refund_job(
        given.user_id, given.job_id, reason=given.reason, actor=principal.user_id
    )
    api_state(request).notifications.changed([given.job_id])
    response.status_code = 201 if is_new else 200
    return RefundedBody(
        user_id=given.user_id,
        job_id=given.job_id,
        seq=entry.seq,
        coins=entry.amount,
        at=entry.at,
    )


async def _csv(user_id: str, first: list[Entry]) -> AsyncIterator[str]:
    yield _line(list(EntryBody.model_fields))
    entries = first
    while entries:
        yield "".join(
            _line(list(_body(user_id, entry).model_dump(mode="json").values())) for entry in entries
        )
        entries = await read_statement(user_id, limit=ROWS_PER_READ, before_seq=entries[-1].seq)


def _line(cells: list[Any]) -> str:
    line = StringIO()
    csv.writer(line).writerow([_harmless(cell) for cell in cells])
    return line.getvalue()


def _harmless(cell: Any) -> str:
    shown = "" if cell is None else str(cell)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) else shown


def _body(user_id: str, entry: Entry) -> EntryBody:
    return EntryBody(user_id=user_id, **asdict(entry))
