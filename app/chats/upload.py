"""Uploading a chat: the file becomes messages, statistics and sealed rows."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app import telemetry
from app.chats.blocks import ChatMeta
from app.chats.exchange import ReadingOrder, Revision
from app.chats.form import UploadForm
from app.chats.import_workers import ImportWorkers
from app.chats.revisions import Content
from app.chats.room import take_room
from app.chats.storage import Chat, insert_chat, seal_chat
from app.chats.transcript import DateOrder
from app.crypto import KeyRing
from app.db import in_transaction
from app.errors import Busy, ValidationFailed
from app.faults import Step
from app.ids import new_id

SLOT_WAIT_S = 10
DRAWINGS_OF_USER_MAX = 4
TIMEZONE_DEFAULT = "UTC"

Announce = Callable[[str, UUID], Awaitable[None]]
"""Tells a worker of a user's new chat; never raises."""

_TIMEZONE = re.compile(r"[A-Za-z0-9_+\-/]{1,64}")


class Uploads:
    """The uploads of one process: how many at once, and what they are read with."""

    def __init__(
        self,
        keyring: KeyRing,
        *,
        at_once: int,
        workers: int,
        file_bytes_max: int,
        stored_bytes_max: int = 0,
    ) -> None:
        """`stored_bytes_max` is what a user may have stored, sealed; 0 is no limit."""
        self._keyring = keyring
        self._stored_bytes_max = stored_bytes_max
        self._workers = ImportWorkers(workers)
        self._file_bytes_max = file_bytes_max
        self._slots = asyncio.Semaphore(at_once)
        self._of_user: Counter[str] = Counter()
        self._drawings = asyncio.Semaphore(workers)
        self._drawing_of_user: Counter[str] = Counter()
        # One user cannot take all slots, or one user's slow uploads would shut out all others.
        self._of_user_max = max(1, at_once // 2)

    @asynccontextmanager
    async def slot(self, user_id: str) -> AsyncGenerator[None]:
        """Room in memory for one upload of this user. Raises Busy after SLOT_WAIT_S."""
        if self._of_user[user_id] >= self._of_user_max:
            raise Busy("You are uploading already; wait until that is done.")
        self._of_user[user_id] += 1
        try:
            await self._wait_for_slot()
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._of_user[user_id] -= 1
            if not self._of_user[user_id]:
                del self._of_user[user_id]

    async def import_chat(self, user_id: str, form: UploadForm) -> Chat:
        """Reads and stores the chat in an upload form.

        Raises ValidationFailed for the form's fields, QuotaExceeded, and what `read_chat` raises.
        """
        order = reading_order(form.filename, form.fields)
        encoded = await self._workers.read(form.content, order, bytes_max=self._file_bytes_max)
        chat = await asyncio.to_thread(seal_chat, self._keyring, user_id, new_id(), encoded)

        async def store(connection: AsyncConnection) -> Chat:
            await take_room(connection, chat, bytes_max=self._stored_bytes_max)
            times = await insert_chat(connection, chat)
            return Chat(
                id=chat.id,
                meta=ChatMeta(**orjson.loads(encoded.meta)),
                content_hmac=chat.content_hmac,
                message_count=chat.message_count,
                first_at=chat.first_at,
                last_at=chat.last_at,
                used_at=times.used_at,
                created_at=times.created_at,
            )

        return await in_transaction(store, step=Step.STORE_CHAT)

    async def read_revision(self, content: Content, form: UploadForm) -> Revision:
        """The chat with what another export of it adds.

        Raises ValidationFailed for the form's fields, and what `revise` raises.
        """
        order = reading_order(form.filename, form.fields, timezone_default="")
        return await self._workers.revise(
            form.content, order, content.chat.meta, content.blocks, bytes_max=self._file_bytes_max
        )

    async def join_names(self, content: Content, names: Mapping[str, str]) -> Revision:
        """The chat with names joined."""
        return await self._workers.join(names, content.chat.meta, content.blocks)

    @asynccontextmanager
    async def drawing(self, user_id: str) -> AsyncGenerator[None]:
        """Room in memory for one opened chat that is drawn, beside uploads. Raises Busy."""
        if self._drawing_of_user[user_id] >= DRAWINGS_OF_USER_MAX:
            raise Busy("You are looking at too many chats at once; wait a moment.")
        self._drawing_of_user[user_id] += 1
        try:
            async with self._drawings:
                yield
        finally:
            self._drawing_of_user[user_id] -= 1
            if not self._drawing_of_user[user_id]:
                del self._drawing_of_user[user_id]

    async def draw(self, content: Content, first_day: date | None, last_day: date | None) -> bytes:
        """The chat's pictures as JSON. Raises EmptyPeriod."""
        return await self._workers.draw(content.blocks, first_day, last_day)

    async def close(self) -> None:
        """Ends the reading processes."""
        await self._workers.close()

    async def _wait_for_slot(self) -> None:
        try:
            with telemetry.uploads_waiting.track_inprogress():
                async with asyncio.timeout(SLOT_WAIT_S):
                    await self._slots.acquire()
        except TimeoutError as error:
            raise Busy from error


def reading_order(
    filename: str, fields: Mapping[str, str], *, timezone_default: str = TIMEZONE_DEFAULT
) -> ReadingOrder:
    """How to read a file, from the form's optional fields; empty ones count as absent.

    Raises ValidationFailed.
    """
    date_order = fields.get("date_order") or None
    timezone = fields.get("timezone") or timezone_default
    if date_order is not None and date_order not in set(DateOrder):
        raise ValidationFailed.of("date_order", f"must be one of {', '.join(DateOrder)}")
    if timezone and not _is_timezone(timezone):
        raise ValidationFailed.of("timezone", "must be the IANA name of a time zone")
    return ReadingOrder(
        filename,
        DateOrder(date_order) if date_order else None,
        timezone,
        fields.get("chat") or None,
    )


def _is_timezone(name: str) -> bool:
    if _TIMEZONE.fullmatch(name) is None:
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
