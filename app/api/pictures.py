"""What the pictures of a chat are drawn from."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from app.api.identity import UserId
from app.api.problems import refusals
from app.api.state import api_state
from app.chats.pictures import EmptyPeriod, Pictures
from app.chats.revisions import ChatChanged, load_content
from app.crypto import SealBroken
from app.errors import NotFound

router = APIRouter(prefix="/api/chats", tags=["chats"])

FirstDay = Annotated[date | None, Query(description="The first day by wall time; else the chat's.")]
LastDay = Annotated[date | None, Query(description="The last day, itself included.")]


@router.get(
    "/{chat_id}/pictures",
    response_model=Pictures,
    responses=refusals(NotFound, EmptyPeriod, ChatChanged, SealBroken),
)
async def get_pictures(
    request: Request,
    user_id: UserId,
    chat_id: UUID,
    first_day: FirstDay = None,
    last_day: LastDay = None,
) -> Response:
    """Statistics of a part of the chat's time, by person and by day, and what tells people and
    seasons apart."""
    state = api_state(request)
    async with state.uploads.drawing(user_id):
        content = await load_content(state.keyring, user_id, chat_id)
        drawn = await state.uploads.draw(content, first_day, last_day)
    return Response(drawn, media_type="application/json")
