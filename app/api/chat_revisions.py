"""Chats that grow: newer exports, joined names, another title."""

import asyncio
from dataclasses import asdict, replace
from typing import Annotated, Self
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.chats import UPLOAD_BODY, ChatBody, chat_body
from app.api.identity import StoredText, UserId
from app.api.problems import refusals
from app.api.state import ApiState, api_state
from app.chats.alignment import Changes, OtherChat
from app.chats.archive import BadArchive
from app.chats.blocks import EncodedChat
from app.chats.form import read_upload_form
from app.chats.names import TITLE_CHARS_MAX, clean_title
from app.chats.revisions import ChatChanged, Content, load_content, load_described
from app.chats.room import QuotaExceeded, check_room
from app.chats.storage import load_chat, seal_meta, seal_revision
from app.chats.transcript import (
    AUTHOR_CHARS_MAX,
    PARTICIPANTS_MAX,
    AmbiguousDates,
    EmptyChat,
    SeveralChats,
    UnrecognisedFormat,
)
from app.crypto import SealBroken
from app.errors import NotFound, TooLarge, ValidationFailed
from app.jobs.chat_revisions import ChatInUse, store_meta, store_revision

router = APIRouter(prefix="/api/chats", tags=["chats"])

NOT_BLANK = r"^[^\u0000]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000]*$"

Name = Annotated[StoredText, Field(min_length=1, max_length=AUTHOR_CHARS_MAX)]
Title = Annotated[
    StoredText,
    Field(
        min_length=1,
        max_length=TITLE_CHARS_MAX,
        json_schema_extra={"pattern": NOT_BLANK},
    ),
]


class RenamedBody(BaseModel):
    """One person under two names: `from` stands in the older export, `to` in the later one."""

    from_: str = Field(serialization_alias="from")
    to: str


class ChangesBody(BaseModel):
    """What an export brought: `added` messages were not there, `changed` were edited or deleted
    since, `known` were there already; `kept` stand in what was stored only. `renamed` are those
    whose name is another one in it; the later export's stays."""

    added: int
    changed: int
    known: int
    kept: int
    renamed: list[RenamedBody]

    @classmethod
    def of(cls, changes: Changes) -> Self:
        renamed = [RenamedBody(from_=name, to=other) for name, other in changes.renamed.items()]
        return cls.model_validate(asdict(changes) | {"renamed": renamed})


class RevisionBody(ChatBody):
    changes: ChangesBody


class JoinBody(BaseModel):
    """`name` is a participant whose messages are `into`'s."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    into: Name


class ChatChangesBody(BaseModel):
    """What to change; what is absent or null stays."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    join: Annotated[list[JoinBody] | None, Field(min_length=1, max_length=PARTICIPANTS_MAX)] = None


@router.post(
    "/{chat_id}/revisions",
    status_code=201,
    responses=refusals(
        NotFound, TooLarge, QuotaExceeded, UnrecognisedFormat, AmbiguousDates, SeveralChats,
        EmptyChat, BadArchive, OtherChat, ChatInUse, ChatChanged, SealBroken,
    ),
    openapi_extra=UPLOAD_BODY,
)  # fmt: skip
async def upload_revision(
    request: Request, response: Response, user_id: UserId, chat_id: UUID
) -> RevisionBody:
    """Adds a newer or other export of the same chat: its next revision; 200 if it has nothing
    new. What was unlocked quotes its own revision, and every category can be unlocked again."""
    state = api_state(request)
    await check_room(user_id, bytes_max=state.settings.storage_bytes_max)
    async with state.uploads.slot(user_id):
        form = await read_upload_form(
            request.stream(),
            request.headers.get("content-type", ""),
            file_bytes_max=state.settings.upload_bytes_max,
        )
        content = await load_content(state.keyring, user_id, chat_id)
        revision = await state.uploads.read_revision(content, form)
        if revision.chat is not None:
            await _store(state, content, revision.chat)
        else:
            response.status_code = 200
    chat = chat_body(await load_chat(state.keyring, user_id, chat_id))
    return RevisionBody(**chat.model_dump(by_alias=True), changes=ChangesBody.of(revision.changes))


@router.patch(
    "/{chat_id}",
    responses=refusals(NotFound, QuotaExceeded, ChatInUse, ChatChanged, SealBroken),
)
async def change_chat(
    request: Request, user_id: UserId, chat_id: UUID, asked: ChatChangesBody
) -> ChatBody:
    """Renames the chat, or joins names of one person, such as of a number that changed:
    statistics are counted anew, in a new revision. Exports to come are read likewise."""
    state = api_state(request)
    if asked.join:
        content = await load_content(state.keyring, user_id, chat_id)
        names = _names(content, asked.join)
        async with state.uploads.slot(user_id):
            revision = await state.uploads.join_names(content, names)
        if revision.chat is not None:
            await _store(state, content, revision.chat)
    if asked.title is not None:
        await _rename(state, user_id, chat_id, asked.title)
    return chat_body(await load_chat(state.keyring, user_id, chat_id))


async def _store(state: ApiState, content: Content, chat: EncodedChat) -> None:
    sealed = await asyncio.to_thread(
        seal_revision,
        content.key,
        content.user_id,
        content.chat.id,
        chat,
        revision=content.chat.revision + 1,
        first_ord=content.next_ord,
    )
    await store_revision(sealed, stored_bytes_max=state.settings.storage_bytes_max)
    await state.announce(content.user_id, content.chat.id)


async def _rename(state: ApiState, user_id: str, chat_id: UUID, asked: str) -> None:
    title = clean_title(asked)
    if not title:
        raise ValidationFailed.of("title", "must not be blank")
    chat, key = await load_described(state.keyring, user_id, chat_id)
    meta = replace(chat.meta, title=title, is_renamed=True)
    sealed = seal_meta(key, user_id, chat_id, orjson.dumps(meta))
    await store_meta(user_id, chat_id, sealed, revision=chat.revision)


def _names(content: Content, joins: list[JoinBody]) -> dict[str, str]:
    """Names mapped to the ones that are kept. Raises ValidationFailed."""
    there = {participant["name"] for participant in content.chat.meta.participants}
    names = {each.name: " ".join(each.into.split()) for each in joins}
    for name, into in names.items():
        if name not in there:
            raise ValidationFailed.of("join", "names a person who does not write in this chat")
        if not into or into == name or into in names:
            raise ValidationFailed.of("join", "must map each name to one that is kept")
    return names
