"""Accounts, sealed chats and queued jobs in bulk, with the effects of uploads and unlocks."""

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from random import Random
from unittest.mock import patch
from uuid import UUID

import asyncpg

from app import crypto
from app.catalog.categories import CATEGORIES, Category
from app.chats.blocks import MESSAGES_PER_BLOCK, EncodedChat, decode_block
from app.chats.exchange import ReadingOrder
from app.chats.reading import read_chat
from app.chats.storage import SealedChat, counted, seal_chat
from app.chats.transcript import DateOrder
from app.crypto import KeyRing
from app.generation.context import VERSION, Part
from app.generation.preparation import prepare
from app.ids import new_id
from app.jobs.leases import REQUEUE_MAX_S
from app.jobs.prepared_chats import seal_parts
from app.settings import parse_master_key
from benchmarks.contestant import Job

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "WhatsApp Chat with Maya.txt"
SIGNUP_COINS = 50
CATEGORY = CATEGORIES["friendship"]
LINES_OF_SAMPLE = 4300
SMALL_CHAT = 80
"""Messages of the chats that jobs are about where the design is measured and not its reading: as
few as every category is sold for, and some."""
EXPIRES_S = 3600
FIRST_AT = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SeededChat:
    user_id: str
    chat_id: UUID


@dataclass(frozen=True, slots=True)
class Work:
    """What jobs are about: chats of these sizes, in turns, and what is unlocked of each.

    A chat that is not prepared was uploaded just now.
    """

    sizes: tuple[int, ...] = (SMALL_CHAT,)
    categories: tuple[Category, ...] = (CATEGORY,)
    is_prepared: bool = True


SMALL = Work()


@cache
def encoded_chat(messages: int) -> EncodedChat:
    """A chat of about so many messages: the sample's beginning, or all of it over and over."""
    if messages > LINES_OF_SAMPLE:
        export = export_of(messages)
    else:
        export = b"".join(SAMPLE.read_bytes().splitlines(keepends=True)[: messages + 1])
    order = ReadingOrder(filename=SAMPLE.name, date_order=DateOrder.DMY, timezone="UTC")
    return read_chat(export, order, bytes_max=2**26)


@cache
def prepared_parts(chat: EncodedChat) -> Mapping[tuple[str, Part], bytes]:
    """What a worker would prepare of the chat."""
    return prepare([message for block in chat.blocks for message in decode_block(block)]).parts


def export_of(messages: int) -> bytes:
    """An export of so many messages: what the sample says, over and over, minutes apart."""
    said = [
        line.partition(" - ")[2]
        for line in SAMPLE.read_text(encoding="utf-8").splitlines()
        if ": " in line.partition(" - ")[2]
    ]
    lines = (
        f"{FIRST_AT + timedelta(minutes=7 * number):%d/%m/%Y, %H:%M} - {said[number % len(said)]}\n"
        for number in range(messages)
    )
    return "".join(lines).encode()


async def seed_work(
    connection: asyncpg.Connection, master_key: str, work: Work, *, jobs: int
) -> list[Job]:
    """At least `jobs` queued jobs, in an order drawn by lot: every category of every chat.

    As many users have a chat of each size.
    """
    users = math.ceil(jobs / (len(work.sizes) * len(work.categories)))
    coins = sum(category.price_coins for category in work.categories)
    seeded: list[SeededChat] = []
    for place, size in enumerate(work.sizes):
        seeded += await seed_chats(
            *(connection, master_key, encoded_chat(size)),
            users=users,
            coins=coins,
            prefix=f"user-{place}",
            is_prepared=work.is_prepared,
        )
    queued = [
        job for category in work.categories for job in await seed_jobs(connection, seeded, category)
    ]
    await connection.execute("ANALYZE")
    Random(len(queued)).shuffle(queued)
    return queued


async def seed_chats(
    connection: asyncpg.Connection,
    master_key: str,
    chat: EncodedChat,
    *,
    users: int,
    chats_each: int = 1,
    coins: int = SIGNUP_COINS,
    prefix: str = "user",
    is_prepared: bool = True,
) -> list[SeededChat]:
    """New users with `coins`, granted at sign-up, and copies of `chat`, each with its own key."""
    ring = KeyRing([parse_master_key(master_key)])
    names = [f"{prefix}-{number:06}" for number in range(users)]
    await connection.execute(_ACCOUNTS, names, coins)
    sealed = (seal_chat(ring, name, new_id(), chat) for name in names for _ in range(chats_each))
    seeded: list[SeededChat] = []
    with patch.object(crypto, "compressed", _compressed_once):
        while batch := list(islice(sealed, 1000)):
            await _copy(connection, batch)
            if is_prepared:
                await _copy_prepared(connection, batch, prepared_parts(chat))
            seeded += [SeededChat(each.user_id, each.id) for each in batch]
    return seeded


_compressed_once = lru_cache(maxsize=4_096)(crypto.compressed)
"""The same chat is sealed for many users, whose keys differ and whose words do not."""


async def seed_rows(
    connection: asyncpg.Connection,
    chat: EncodedChat,
    *,
    users: int,
    chats_each: int = 1,
    coins: int = SIGNUP_COINS,
) -> list[SeededChat]:
    """New users and chats that can be unlocked, but not be read: without their keys and blocks.

    For measurements in which no worker runs; an unlock looks at nothing else of a chat.
    """
    names = [f"user-{number:06}" for number in range(users)]
    await connection.execute(_ACCOUNTS, names, coins)
    seeded = [SeededChat(name, new_id()) for name in names for _ in range(chats_each)]
    described = os.urandom(len(chat.meta))  # Of the length that a sealed description has.
    await connection.copy_records_to_table(
        "chats",
        columns=_CHAT_COLUMNS,
        records=[
            (
                *(each.user_id, each.chat_id, "", b"", described, os.urandom(32)),
                *(chat.message_count, chat.first_at, chat.last_at),
                *counted(chat.substance).values(),
            )
            for each in seeded
        ],
    )
    return seeded


async def copy_chat(
    connection: asyncpg.Connection, chat: SeededChat, *, count: int
) -> list[SeededChat]:
    """New users, each with the rows of `chat` but its content, for queues that are only looked at.

    What is sealed in them is sealed for another place: nobody can open it.
    """
    names = [f"copy-{number:06}" for number in range(count)]
    await connection.execute(_ACCOUNTS, names, SIGNUP_COINS)
    copied = await connection.fetch(_COPY_CHAT, names, chat.user_id, chat.chat_id, VERSION)
    return [SeededChat(row["user_id"], row["id"]) for row in copied]


async def seed_jobs(
    connection: asyncpg.Connection, chats: Sequence[SeededChat], category: Category = CATEGORY
) -> list[Job]:
    """A queued job for each chat, its coins reserved; none is due before `release_jobs`.

    A user may occur once.
    """
    jobs = [(chat.user_id, new_id()) for chat in chats]
    await connection.execute(
        _JOBS,
        [user_id for user_id, _ in jobs],
        [job_id for _, job_id in jobs],
        [chat.chat_id for chat in chats],
        category.key,
        category.price_coins,
        category.prompt_version,
        [spec.key for spec in category.insights],
        EXPIRES_S,
    )
    return jobs


async def release_jobs(connection: asyncpg.Connection, jobs: Iterable[Job]) -> datetime:
    """Makes the jobs as if unlocked just now; the moment, by the database's clock."""
    users, ids = zip(*jobs, strict=True)
    return await connection.fetchval(_RELEASE, users, ids)


async def _copy(connection: asyncpg.Connection, chats: Sequence[SealedChat]) -> None:
    await connection.copy_records_to_table(
        "chats",
        columns=_CHAT_COLUMNS,
        records=[
            (
                *(chat.user_id, chat.id, "", b"", chat.sealed_meta),
                *(chat.content_hmac, chat.message_count, chat.first_at, chat.last_at),
                *counted(chat.substance).values(),
            )
            for chat in chats
        ],
    )
    await connection.copy_records_to_table(
        "chat_keys",
        columns=("user_id", "chat_id", "key_id", "sealed_key"),
        records=[
            (chat.user_id, chat.id, chat.wrapped.key_id, chat.wrapped.sealed) for chat in chats
        ],
    )
    await connection.copy_records_to_table(
        "chat_blocks",
        columns=("user_id", "chat_id", "ord", "first_message", "message_count", "sealed"),
        records=[
            (chat.user_id, chat.id, ord_, *_extent(chat, ord_), sealed)
            for chat in chats
            for ord_, sealed in enumerate(chat.blocks)
        ],
    )


async def _copy_prepared(
    connection: asyncpg.Connection,
    chats: Sequence[SealedChat],
    parts: Mapping[tuple[str, Part], bytes],
) -> None:
    await connection.copy_records_to_table(
        "prepared_chats",
        columns=("user_id", "chat_id", "version", "category", "part", "sealed"),
        records=[
            (chat.user_id, chat.id, VERSION, category, part.value, sealed)
            for chat in chats
            for (category, part), sealed in seal_parts(
                chat.key, (chat.user_id, chat.id), parts
            ).items()
        ],
    )


def _extent(chat: SealedChat, ord_: int) -> tuple[int, int]:
    """The number of the block's first message, and how many it holds."""
    before = ord_ * MESSAGES_PER_BLOCK
    return before + 1, min(MESSAGES_PER_BLOCK, chat.message_count - before)


_CHAT_COLUMNS = (
    *("user_id", "id", "key_id", "sealed_key", "sealed_meta", "content_hmac"),
    *("message_count", "first_at", "last_at", "worded_count", "voice_count", "day_count"),
)

_ACCOUNTS = """
    WITH opened AS (
        INSERT INTO accounts (user_id, available, held, seq)
        SELECT user_id, $2, 0, 1 FROM unnest($1::text[]) AS u (user_id)
        RETURNING user_id
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, actor, reason)
    SELECT user_id, 1, 'grant', 'mint', 'available', $2, $2, 0, 'signup', 'system', 'signup'
    FROM opened
"""

_COPY_CHAT = """
    WITH copied AS (
        INSERT INTO chats (user_id, id, key_id, sealed_key, sealed_meta, content_hmac,
                           message_count, first_at, last_at)
        SELECT u.user_id, gen_random_uuid(), c.key_id, c.sealed_key, c.sealed_meta,
               c.content_hmac, c.message_count, c.first_at, c.last_at
        FROM chats c CROSS JOIN unnest($1::text[]) AS u (user_id)
        WHERE c.user_id = $2 AND c.id = $3
        RETURNING user_id, id
    ), prepared AS (
        INSERT INTO prepared_chats (user_id, chat_id, version, category, part, sealed)
        SELECT user_id, id, $4, '-', '-', '' FROM copied
    )
    SELECT user_id, id FROM copied
"""

# The effects of an unlock (app.unlocks.unlock) for users who each unlock once at a time.
_JOBS = f"""
    WITH asked AS (
        SELECT * FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS t (user_id, id, chat_id)
    ), opened AS (
        INSERT INTO jobs (user_id, id, chat_id, category, next_run_at, price_coins, content_hmac,
                          prompt_version)
        SELECT a.user_id, a.id, a.chat_id, $4,
               clock_timestamp() + make_interval(secs => {REQUEUE_MAX_S}), $5, c.content_hmac, $6
        FROM asked a JOIN chats c ON c.user_id = a.user_id AND c.id = a.chat_id
        RETURNING user_id, id, price_coins AS price
    ), six AS (
        INSERT INTO insights (user_id, job_id, ord, key)
        SELECT o.user_id, o.id, i.ord, i.key
        FROM opened o CROSS JOIN unnest($7::text[]) WITH ORDINALITY AS i (key, ord)
    ), money AS (
        UPDATE accounts a
        SET available = a.available - o.price, held = a.held + o.price, seq = a.seq + 1
        FROM opened o WHERE a.user_id = o.user_id
        RETURNING a.user_id, a.available, a.held, a.seq, o.id, o.price
    ), reservation AS (
        INSERT INTO reservations (user_id, id, amount, expires_at)
        SELECT user_id, id, price, clock_timestamp() + make_interval(secs => $8) FROM money
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, reservation_id, actor)
    SELECT user_id, seq, 'reserve', 'available', 'held', price, available, held,
           'reserve:' || id, id, user_id
    FROM money
"""

_RELEASE = """
    WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now), released AS (
        UPDATE jobs SET created_at = moment.now, next_run_at = moment.now
        FROM moment, unnest($1::text[], $2::uuid[]) AS asked (user_id, id)
        WHERE jobs.user_id = asked.user_id AND jobs.id = asked.id
        RETURNING 1
    )
    SELECT now FROM moment
"""
