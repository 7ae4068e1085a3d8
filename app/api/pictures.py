"""What the pictures of a chat are drawn from."""

import re
from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BeforeValidator

from app.api.identity import UserId
from app.api.problems import refusals
from app.api.state import api_state
from app.chats.pictures import EmptyPeriod, Pictures
from app.chats.revisions import ChatChanged, load_content
from app.crypto import SealBroken
from app.errors import NotFound

router = APIRouter(prefix="/api/chats", tags=["chats"])


def _written_out(value: object) -> object:
    """Numbers are no days, though pydantic reads them as seconds since 1970."""
    if isinstance(value, str) and _DAY.fullmatch(value) is None:
        raise ValueError("is not a day such as 2024-03-31")
    return value


_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
Day = Annotated[date, BeforeValidator(_written_out)]
FirstDay = Annotated[Day | None, Query(description="The first day by wall time; else the chat's.")]
LastDay = Annotated[Day | None, Query(description="The last day, itself included.")]


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
