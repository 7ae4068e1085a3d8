"""Preparing chats: each once, in processes that know no key, the short ones first.

A job whose chat is not prepared waits here without a lease, and none of its attempt's time
passes. The upload of a chat has a worker prepare it; a job that comes before that, or after a
release that prepares otherwise, does.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

import orjson
import structlog

from app import telemetry
from app.chats.storage import SealedBlock, open_blocks, read_blocks
from app.chats.substance import Substance
from app.crypto import ChatKey, KeyRing, SealBroken
from app.db import is_transient, lone_read
from app.errors import Unavailable
from app.generation.context import Part
from app.jobs.prepared_chats import (
    ChatGone,
    ChatRef,
    TakenChat,
    find_size,
    leave_chat,
    seal_parts,
    store_prepared,
    take_chat,
)
from app.jobs.turns import Turns
from app.lock_waits import WAITING_MAX
from app.process_pool import ProcessPool

PREPARE_S_MAX = 120.0
TAKEN_S, MESSAGES_A_SECOND = 15.0, 4_000
"""For how long a chat is taken: this long, and so many seconds for its messages."""
ELSEWHERE_POLL_S = 0.5

log = structlog.get_logger()


class NoRoom(Exception):
    """As many wait here as may, or this worker is ending."""


class PreparationFailed(Exception):
    """The chat could not be prepared: a bug, or not enough memory."""


class Preparer:
    """The chats that one worker process prepares. Belongs to the loop that uses it first."""

    def __init__(self, keyring: KeyRing, *, processes: int, waiting_max: int) -> None:
        self._keyring = keyring
        self._pool = ProcessPool("app.generation.preparing_process", processes)
        self._turns = Turns(processes)
        self._stores = asyncio.Semaphore(WAITING_MAX)
        self._under_way: dict[ChatRef, asyncio.Task[None]] = {}
        self._waiting = 0
        self._waiting_max = waiting_max
        self._is_closed = False

    @property
    def has_room(self) -> bool:
        """Whether one more may wait."""
        return self._waiting < self._waiting_max

    async def prepare(self, chat: ChatRef) -> None:
        """Returns when the chat is prepared, here or by another worker.

        Raises ChatGone, NoRoom, PreparationFailed, SealBroken and Unavailable.
        """
        if self._is_closed or not self.has_room:
            raise NoRoom
        task = self._under_way.get(chat)
        if task is None:
            task = asyncio.create_task(self._prepare(chat))
            self._under_way[chat] = task
            task.add_done_callback(lambda _: self._under_way.pop(chat, None))
        self._count(1)
        try:
            await asyncio.wait({task})
        finally:
            self._count(-1)
        if task.cancelled():
            raise NoRoom
        task.result()

    async def close(self) -> None:
        """Gives up what is under way, for another worker to take, and ends the processes."""
        self._is_closed = True
        under_way = list(self._under_way.values())
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)
        await self._pool.close()

    async def _prepare(self, chat: ChatRef) -> None:
        while (messages := await find_size(chat)) is not None:
            async with AsyncExitStack() as turn:
                await turn.enter_async_context(self._turns.turn(messages))
                taken = await take_chat(chat, seconds=TAKEN_S + messages / MESSAGES_A_SECOND)
                if taken is not None:
                    await self._prepare_taken(taken, turn)
                    return
            await asyncio.sleep(ELSEWHERE_POLL_S)

    async def _prepare_taken(self, taken: TakenChat, turn: AsyncExitStack) -> None:
        """Computes in `turn`, which ends before what may wait for the chat's row."""
        chat, outcome = (taken.user_id, taken.id), "failed"
        try:
            key = self._keyring.unwrap(taken.key_id, taken.sealed_key, *chat)
            async with lone_read() as connection:
                blocks = await read_blocks(connection, *chat, taken.revision)
            parts, substance = await self._computed(key, chat, blocks)
            sealed = await asyncio.to_thread(seal_parts, key, chat, parts)
            async with self._stores:
                await turn.aclose()
                await store_prepared(chat, sealed, revision=taken.revision, substance=substance)
            outcome = "done"
        except (ChatGone, SealBroken, Unavailable):
            raise
        except Exception as error:
            if is_transient(error):
                raise Unavailable from error
            log.exception("chat.unprepared", chat_id=str(taken.id))
            raise PreparationFailed from error
        finally:
            telemetry.preparations.labels(outcome).inc()
            if outcome == "failed":
                with suppress(Unavailable):  # Then it is free when its time is over.
                    await leave_chat(chat)

    async def _computed(
        self, key: ChatKey, chat: ChatRef, blocks: Sequence[SealedBlock]
    ) -> tuple[dict[tuple[str, Part], bytes], Substance]:
        if not blocks:
            raise ChatGone
        opened = await asyncio.to_thread(open_blocks, key, *chat, blocks)
        head, *parts = await self._pool.ask(opened, within_s=PREPARE_S_MAX)
        told = orjson.loads(head)
        if told["unwritten"]:
            log.error("insights.unwritten", chat_id=str(chat[1]), insights=told["unwritten"])
        names = [(category, Part(part)) for category, part in told["parts"]]
        return dict(zip(names, parts, strict=True)), Substance(**told["substance"])

    def _count(self, change: int) -> None:
        self._waiting += change
        telemetry.preparations_awaited.set(self._waiting)
