"""A chat sealed, ready to be stored: without its key nothing in it can be read."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.chats.blocks import EncodedChat
from app.chats.substance import Substance
from app.crypto import ChatKey, KeyRing, WrappedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRevision:
    """A revision of a chat ready to be stored; without the chat's key nothing in it can be read.

    `first_ord` is the place of its first block among those of all revisions of the chat.
    """

    user_id: str
    id: UUID
    sealed_meta: bytes
    content_hmac: bytes
    message_count: int
    first_at: datetime
    last_at: datetime
    substance: Substance
    blocks: tuple[bytes, ...]
    revision: int
    first_ord: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedChat(SealedRevision):
    """A new chat ready to be stored: its first revision, and its key, wrapped."""

    key: ChatKey = field(repr=False)
    wrapped: WrappedKey
    wrapped_short: WrappedKey
    """The form of the release before, stored while a process of it may be left."""


def seal_chat(keyring: KeyRing, user_id: str, chat_id: UUID, chat: EncodedChat) -> SealedChat:
    """The chat under a fresh key. Compresses all of it: run it in a thread."""
    key = ChatKey.new()
    return SealedChat(
        key=key,
        wrapped=keyring.wrap(key, user_id, chat_id),
        wrapped_short=keyring.wrap_short(key, user_id, chat_id),
        revision=1,
        **_sealed(key, user_id, chat_id, chat, first_ord=0),
    )


def seal_revision(
    key: ChatKey, user_id: str, chat_id: UUID, chat: EncodedChat, *, revision: int, first_ord: int
) -> SealedRevision:
    """The chat as its next revision, under its own key. Compresses all of it: run it in a
    thread."""
    sealed = _sealed(key, user_id, chat_id, chat, first_ord=first_ord)
    return SealedRevision(revision=revision, **sealed)


def _sealed(
    key: ChatKey, user_id: str, chat_id: UUID, chat: EncodedChat, *, first_ord: int
) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "id": chat_id,
        "sealed_meta": seal_meta(key, user_id, chat_id, chat.meta),
        "content_hmac": key.content_hmac(b"\n".join(chat.blocks)),
        "message_count": chat.message_count,
        "first_at": chat.first_at,
        "last_at": chat.last_at,
        "substance": chat.substance,
        "blocks": tuple(
            key.seal(block, "block", user_id, chat_id, ord_)
            for ord_, block in enumerate(chat.blocks, first_ord)
        ),
        "first_ord": first_ord,
    }


def seal_meta(key: ChatKey, user_id: str, chat_id: UUID, meta: bytes) -> bytes:
    """The description of a chat, sealed."""
    return key.seal(meta, "meta", user_id, chat_id)
