"""What a user can do about all that is stored of them: take it, and have it deleted."""

from collections.abc import AsyncIterator
from contextlib import ExitStack

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from app.api.identity import UserId
from app.api.problems import refusals
from app.api.state import api_state
from app.export.user_archive import user_archive
from app.jobs.user_deletion import delete_user

_ZIP = {200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}}

router = APIRouter(prefix="/api/me", tags=["you"])


@router.get("/export", response_class=StreamingResponse, responses=refusals() | _ZIP)
async def export(request: Request, user_id: UserId) -> StreamingResponse:
    """Everything that is stored of the user, as a ZIP archive: chats as text, insights, the
    statement, and what was sent. One at a time of a user."""
    state = api_state(request)
    taken = ExitStack()
    taken.enter_context(state.exports.slot(user_id))
    pieces = user_archive(user_id, state.keyring)
    try:
        first = await anext(pieces)
    except BaseException:
        taken.close()
        raise
    return StreamingResponse(
        _streamed(taken, first, pieces),
        media_type="application/zip",
        headers={"content-disposition": 'attachment; filename="sixfold-export.zip"'},
    )


@router.delete("", status_code=204, responses=refusals())
async def delete(request: Request, user_id: UserId) -> None:
    """Destroys the keys of all chats, and puts a pseudonym in place of the user in the ledger.

    Jobs under way end and are not charged; coins that are left are lost. From then on the user's
    tokens are refused.
    """
    state = api_state(request)
    await delete_user(user_id, cancelled=state.notifications.cancelled)
    state.deleted.add(user_id)
    await state.eraser.erase()


async def _streamed(
    taken: ExitStack, first: bytes, pieces: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    with taken:
        yield first
        async for piece in pieces:
            yield piece
