"""What is in a user's archive: chats as text, insights, the statement, and what was sent.

It is read page by page, each from one moment; what is deleted meanwhile is left out from there on.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.chats.message import Message
from app.chats.storage import Chat, list_chats, open_messages, read_chat_key
from app.credits.accounts import opened_balance, read_statement
from app.crypto import ChatKey, KeyRing, SealBroken
from app.cursors import Position
from app.db import snapshot
from app.errors import NotFound
from app.export.zip_stream import ZipStream
from app.progress.sent_prompts import PROMPTS_MAX, load_sent
from app.progress.snapshots import QueuePositions, Snapshot, list_snapshots

CHATS_AT_ONCE, BLOCKS_AT_ONCE, JOBS_AT_ONCE, ENTRIES_AT_ONCE = 20, 4, 20, 500
"""In memory at once."""
TITLE_CHARS_MAX = 60

_UNFIT = re.compile(r"[^\w .,()&+'-]+")
"""In the name of a folder, on whatever system it is unpacked."""
_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What one program or another begins a line at, which must not look like a message's."""

README = """\
Everything that is stored of you, as it was at {at} UTC.

account.json      your user id and your coins
statement.jsonl   every movement of coins, newest first, one a line
jobs.jsonl        every unlock, newest first, with its insights and what you said of them
sent.jsonl        every prompt that was sent to a provider of models for an unlock, word for word
chats/…           a folder for each chat: chat.json describes it, messages.txt has its messages
                  (an older revision that insights quote has a file of its own), and insights.txt
                  what was written about it; further lines of a message are indented

Times are in UTC, of messages as the file that was uploaded had them. "unreadable": what is stored
does not open just now; ask for it again, or ask us.
"""


async def user_archive(user_id: str, keyring: KeyRing) -> AsyncIterator[bytes]:
    """The archive, piece by piece. Opens the account of a user who comes for the first time."""
    balance = await opened_balance(user_id)
    at = datetime.now(UTC)
    archive = ZipStream(at=at)
    account = {"user_id": user_id, **asdict(balance)}
    files: list[tuple[str, AsyncIterator[bytes]]] = [
        ("README.txt", _once(README.format(at=f"{at:%Y-%m-%d %H:%M}").encode())),
        ("account.json", _once(_json(account))),
        ("statement.jsonl", _statement(user_id)),
        ("jobs.jsonl", _jobs(user_id, keyring)),
        ("sent.jsonl", _sent(user_id, keyring)),
    ]
    for name, parts in files:
        async for piece in archive.add(name, parts):
            yield piece
    number = 0
    async for chat in _chats(user_id, keyring):
        number += 1
        folder = _folder(number, chat)
        async for name, parts in _files_of(user_id, chat, keyring):
            async for piece in archive.add(f"{folder}/{name}", parts):
                yield piece
    yield archive.close()


async def _chats(user_id: str, keyring: KeyRing) -> AsyncIterator[Chat]:
    after: Position | None = None
    while page := await list_chats(keyring, user_id, limit=CHATS_AT_ONCE, after=after):
        for chat in page:
            yield chat
        after = (page[-1].created_at, page[-1].id)


async def _files_of(
    user_id: str, chat: Chat, keyring: KeyRing
) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
    yield "chat.json", _once(_json(_description(chat)))
    if not chat.is_readable:
        return
    try:
        async with snapshot() as connection:
            key = await read_chat_key(connection, keyring, user_id, chat.id)
            found = await connection.execute(_REVISIONS, {"user_id": user_id, "chat_id": chat.id})
            revisions = list(found.scalars())
    except NotFound:
        return
    for revision in revisions:
        is_newest = revision == chat.revision
        name = "messages.txt" if is_newest else f"messages-revision-{revision}.txt"
        yield name, _messages(user_id, chat.id, key, revision)
    yield "insights.txt", _insights(user_id, chat.id, keyring)


async def _messages(
    user_id: str, chat_id: UUID, key: ChatKey, revision: int
) -> AsyncIterator[bytes]:
    place: dict[str, Any] = {"user_id": user_id, "chat_id": chat_id, "revision": revision}
    after = -1
    while True:
        async with snapshot() as connection:
            found = await connection.execute(
                _BLOCKS, place | {"after": after, "limit": BLOCKS_AT_ONCE}
            )
            blocks = [(row.ord, row.sealed) for row in found]
        if not blocks:
            return
        after = blocks[-1][0]
        try:
            messages = await asyncio.to_thread(open_messages, key, user_id, chat_id, blocks)
        except SealBroken:
            yield b"[unreadable]\n"
            continue
        yield "".join(map(_line, messages)).encode()


async def _insights(user_id: str, chat_id: UUID, keyring: KeyRing) -> AsyncIterator[bytes]:
    try:
        async for job in _snapshots(user_id, keyring, succeeded_of_chat=chat_id):
            yield "".join(_told(job)).encode()
    except NotFound:
        return


async def _jobs(user_id: str, keyring: KeyRing) -> AsyncIterator[bytes]:
    async for job in _snapshots(user_id, keyring):
        yield job.model_dump_json().encode() + b"\n"


async def _sent(user_id: str, keyring: KeyRing) -> AsyncIterator[bytes]:
    async for job in _snapshots(user_id, keyring):
        after: int | None = None
        while True:
            try:
                page = await load_sent(user_id, job.job_id, keyring, limit=PROMPTS_MAX, after=after)
            except NotFound:
                break
            except SealBroken:
                yield _json({"job_id": job.job_id, "unreadable": True})
                break
            for prompt in page.prompts:
                yield _json({"job_id": job.job_id, **prompt.model_dump(mode="json")})
            after = page.after
            if after is None:
                break


async def _snapshots(
    user_id: str, keyring: KeyRing, *, succeeded_of_chat: UUID | None = None
) -> AsyncIterator[Snapshot]:
    positions, after = QueuePositions(), None
    while page := await list_snapshots(
        user_id,
        keyring,
        positions,
        limit=JOBS_AT_ONCE,
        after=after,
        succeeded_of_chat=succeeded_of_chat,
    ):
        for job in page:
            yield job
        after = (page[-1].created_at, page[-1].job_id)


async def _statement(user_id: str) -> AsyncIterator[bytes]:
    before: int | None = None
    while entries := await read_statement(user_id, limit=ENTRIES_AT_ONCE, before_seq=before):
        yield b"".join(_json(asdict(entry)) for entry in entries)
        before = entries[-1].seq


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _description(chat: Chat) -> dict[str, Any]:
    return {
        "id": chat.id,
        "unreadable": not chat.is_readable,
        "revision": chat.revision,
        "message_count": chat.message_count,
        "first_at": chat.first_at,
        "last_at": chat.last_at,
        "created_at": chat.created_at,
        "expires_at": chat.expires_at,
        **asdict(chat.meta),
    }


def _folder(number: int, chat: Chat) -> str:
    title = " ".join(_UNFIT.sub(" ", chat.meta.title).split())[:TITLE_CHARS_MAX].strip(" .")
    return f"chats/{number:03} {title}".rstrip()


def _line(message: Message) -> str:
    text_ = _BREAK.sub(r"\g<0>    ", message.text or f"[{message.kind}]")
    return f"{message.number} [{message.at:%Y-%m-%d %H:%M:%S}] {message.author}: {text_}\n"


def _told(job: Snapshot) -> list[str]:
    lines = [f"# {job.category}, revision {job.chat_revision}, {job.created_at:%Y-%m-%d}\n\n"]
    for part in job.insights:
        lines.append(f"## {part.title}\n\n")
        if part.content is None:
            lines.append("[unreadable]\n\n" if part.content_unreadable else "[not shown]\n\n")
            continue
        lines.append(f"{part.content.headline}\n\n{part.content.summary}\n\n")
        for finding in part.content.findings:
            numbers = ", ".join(map(str, finding.evidence))
            lines.append(f"- {finding.claim} (messages {numbers})\n")
        lines.append("\n")
    return lines


def _json(value: dict[str, Any]) -> bytes:
    # asyncpg's UUID is a subclass, which orjson does not know.
    return orjson.dumps(value, default=str, option=orjson.OPT_APPEND_NEWLINE)


_REVISIONS = text("""
    SELECT DISTINCT revision FROM chat_blocks
    WHERE user_id = :user_id AND chat_id = :chat_id ORDER BY revision DESC
""")

_BLOCKS = text("""
    SELECT ord, sealed FROM chat_blocks
    WHERE user_id = :user_id AND chat_id = :chat_id AND revision = :revision AND ord > :after
    ORDER BY ord LIMIT :limit
""")
