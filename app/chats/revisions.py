"""A stored chat, opened to be revised."""

import asyncio
from dataclasses import dataclass, field
from uuid import UUID

from app.chats.storage import Chat, load_chat, open_blocks, read_blocks, read_chat_key
from app.crypto import ChatKey, KeyRing
from app.db import snapshot
from app.errors import DomainError


class ChatChanged(DomainError):
    """The chat was revised meanwhile; look at it and try again."""

    code, http_status = "chat_changed", 409


@dataclass(frozen=True, slots=True)
class Content:
    """The newest revision of a chat, opened; `next_ord` is the place of the next block."""

    user_id: str
    chat: Chat
    next_ord: int
    key: ChatKey = field(repr=False)
    blocks: list[bytes] = field(repr=False)


async def load_described(keyring: KeyRing, user_id: str, chat_id: UUID) -> tuple[Chat, ChatKey]:
    """A chat of this user and its key. Raises NotFound and SealBroken."""
    chat = await load_chat(keyring, user_id, chat_id)
    async with snapshot() as connection:
        return chat, await read_chat_key(connection, keyring, user_id, chat_id)


async def load_content(keyring: KeyRing, user_id: str, chat_id: UUID) -> Content:
    """A chat of this user with all its messages. Raises NotFound, ChatChanged and
    SealBroken."""
    chat, key = await load_described(keyring, user_id, chat_id)
    async with snapshot() as connection:
        sealed = await read_blocks(connection, user_id, chat_id, chat.revision)
    if not sealed:
        raise ChatChanged
    blocks = await asyncio.to_thread(open_blocks, key, user_id, chat_id, sealed)
    return Content(user_id, chat, sealed[-1][0] + 1, key, blocks)
