"""Uploading and reading chats."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from app.api.identity import UserId
from app.api.paging import Cursor, Limit
from app.api.problems import refusals
from app.api.state import api_state
from app.chats import storage
from app.chats.archive import BadArchive
from app.chats.form import read_upload_form
from app.chats.message import MessageKind
from app.chats.room import QuotaExceeded, check_room
from app.chats.statistics import ChatStatistics
from app.chats.transcript import (
    AmbiguousDates,
    DateOrder,
    EmptyChat,
    ExampleKind,
    OrderConfidence,
    SeveralChats,
    UnrecognisedFormat,
)
from app.crypto import SealBroken
from app.cursors import LIMIT_DEFAULT, position_cursor, read_position
from app.errors import NotFound, TooLarge, ValidationFailed
from app.jobs.chat_deletion import delete_chat

NUMBERS_MAX = 100
REVISION_MAX = 2**31 - 1

NUMBERS_PATTERN = f"^[0-9]{{1,9}}(,[0-9]{{1,9}}){{0,{NUMBERS_MAX - 1}}}$"
_NUMBERS = re.compile(NUMBERS_PATTERN[1:-1])

router = APIRouter(prefix="/api/chats", tags=["chats"])


class ParticipantBody(BaseModel):
    name: str
    messages: int


class ExampleBody(BaseModel):
    kind: ExampleKind
    line: int
    text: str


class ImportBody(BaseModel):
    """How the file was read, and all in it that is no message: `ImportReport` says what each
    count means. `possibly_truncated`: WhatsApp cuts long exports silently. What older imports
    did not count is 0."""

    format: str
    messenger: str = "whatsapp"
    date_order: DateOrder | None
    order_confidence: OrderConfidence | None
    unparsed_lines: int
    possibly_truncated: bool
    notices: int = 0
    unknown_notices: int = 0
    merged_headers: int = 0
    merged_header_lines: list[int] = []
    replaced_bytes: int = 0
    repeated_messages: int = 0
    unsaid: list[str] = []
    examples: list[ExampleBody] = []
    message_lines: int = 0
    notice_lines: int = 0
    blank_lines: int = 0


class ChatSummary(BaseModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    """`unreadable`: its text cannot be opened; all but its counts and times is then empty.
    `revision` counts from 1; message numbers are of one revision."""

    id: UUID
    title: str
    unreadable: bool = False
    participants: list[ParticipantBody]
    message_count: int
    revision: int = 1
    first_at: datetime
    last_at: datetime
    created_at: datetime
    expires_at: datetime
    import_: Annotated[ImportBody, Field(alias="import")]


class ChatBody(ChatSummary):
    statistics: ChatStatistics


class ChatList(BaseModel):
    items: list[ChatSummary]
    next_cursor: str | None


class MessageBody(BaseModel):
    number: int
    at: datetime
    author: str
    text: str
    kind: MessageKind


class MessageList(BaseModel):
    items: list[MessageBody]


UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The export of a chat, or a .zip that holds one.",
                        },
                        "date_order": {
                            "type": "string",
                            "enum": [order.value for order in DateOrder],
                            "description": "Read only if the file leaves it open.",
                        },
                        "timezone": {
                            "type": "string",
                            "default": "UTC",
                            "description": "IANA name of the zone in which the times are.",
                        },
                        "chat": {
                            "type": "string",
                            "description": "Which chat, as `several_chats` names it. Read only if"
                            " the file holds several.",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "",
    status_code=201,
    response_model=ChatBody,
    responses=refusals(
        TooLarge, QuotaExceeded, UnrecognisedFormat, AmbiguousDates, SeveralChats, EmptyChat,
        BadArchive,
    ),
    openapi_extra=UPLOAD_BODY,
)  # fmt: skip
async def upload_chat(request: Request, user_id: UserId) -> ChatBody:
    """Imports a chat export; its statistics are free."""
    state = api_state(request)
    await check_room(user_id, bytes_max=state.settings.storage_bytes_max)
    async with state.uploads.slot(user_id):
        form = await read_upload_form(
            request.stream(),
            request.headers.get("content-type", ""),
            file_bytes_max=state.settings.upload_bytes_max,
        )
        chat = await state.uploads.import_chat(user_id, form)
    await state.announce(user_id, chat.id)
    return chat_body(chat)


@router.get("", responses=refusals())
async def list_chats(
    request: Request, user_id: UserId, limit: Limit = LIMIT_DEFAULT, cursor: Cursor = None
) -> ChatList:
    """The user's chats, newest first, without statistics."""
    after = read_position(cursor)
    found = await storage.list_chats(
        api_state(request).keyring, user_id, limit=limit + 1, after=after
    )
    shown = found[:limit]
    last = shown[-1] if len(found) > limit else None
    return ChatList(
        items=[ChatSummary(**_summary(chat)) for chat in shown],
        next_cursor=last and position_cursor((last.created_at, last.id)),
    )


@router.get("/{chat_id}", response_model=ChatBody, responses=refusals(NotFound, SealBroken))
async def get_chat(request: Request, user_id: UserId, chat_id: UUID) -> ChatBody:
    """A chat with its statistics."""
    return chat_body(await storage.load_chat(api_state(request).keyring, user_id, chat_id))


@router.get("/{chat_id}/messages", responses=refusals(NotFound, SealBroken))
async def get_messages(
    request: Request,
    user_id: UserId,
    chat_id: UUID,
    numbers: Annotated[
        str,
        Query(
            description="At most 100 message numbers: `3,17`.",
            json_schema_extra={"pattern": NUMBERS_PATTERN},
        ),
    ],
    revision: Annotated[
        int | None,
        Query(ge=1, le=REVISION_MAX, description="A job's `chat_revision`; else the newest."),
    ] = None,
) -> MessageList:
    """Messages by number; numbers that do not exist are left out."""
    found = await storage.load_messages(
        api_state(request).keyring, user_id, chat_id, _read_numbers(numbers), revision=revision
    )
    return MessageList(
        items=[
            MessageBody(number=m.number, at=m.at, author=m.author, text=m.text, kind=m.kind)
            for m in found
        ]
    )


@router.delete("/{chat_id}", status_code=204, responses=refusals(NotFound))
async def delete(request: Request, user_id: UserId, chat_id: UUID) -> None:
    """Destroys the chat's key, and so the chat and its insights; the statement stays."""
    state = api_state(request)
    state.notifications.cancelled(await delete_chat(user_id, chat_id))
    await state.eraser.erase()


def _read_numbers(numbers: str) -> set[int]:
    if _NUMBERS.fullmatch(numbers) is None:
        told = f"must be at most {NUMBERS_MAX} numbers with commas between them"
        raise ValidationFailed.of("numbers", told)
    return {int(number) for number in numbers.split(",")}


def _summary(chat: storage.Chat) -> dict[str, Any]:
    return {
        "id": chat.id,
        "title": chat.meta.title,
        "unreadable": not chat.is_readable,
        "participants": chat.meta.participants,
        "message_count": chat.message_count,
        "revision": chat.revision,
        "first_at": chat.first_at,
        "last_at": chat.last_at,
        "created_at": chat.created_at,
        "expires_at": chat.expires_at,
        "import": chat.meta.report,
    }


def chat_body(chat: storage.Chat) -> ChatBody:
    """A chat with its statistics, as it is answered."""
    return ChatBody(**_summary(chat), statistics=ChatStatistics(**chat.meta.statistics))
