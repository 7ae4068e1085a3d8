"""The broker: wake-ups from a Redis stream and, in the same place, from the database.

A wake-up is a hint (`user_id`, `job_id`); the job's row is the truth. So messages are read
without acknowledgement, lost ones are found by rescue, and Redis may come and go.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError, ResponseError
from taskiq import AckableMessage, BrokerMessage, TaskiqMessage
from taskiq.abc.broker import AsyncBroker
from taskiq.cli.worker.args import WorkerArgs
from taskiq_redis import RedisStreamBroker

from app import reachability, telemetry
from app.redis import PREFIX, Waits, end_task
from app.supervision import supervised

QUEUE = f"{PREFIX}wakeups"
GROUP = "workers"
CONSUMER = "worker"
"""One name for all: read without acknowledgement, nothing is ever pending on a consumer, and
no dead one is left behind."""
STREAM_LENGTH_MAX = 20_000
BLOCK_MS = 2_000
REPLY_TIMEOUT_S = BLOCK_MS / 1000 + 5
CONNECTIONS_MAX = 16
CONNECT_TIMEOUT_S = 0.5
RECONNECT_FIRST_S = 0.1
RECONNECT_MAX_S = 2.0
ASYNC_TASKS_DEFAULT = 100

RESCUES_ALONE = 3
"""So many polls in a row found jobs while the stream brought none: it may be deaf."""

FindDue = Callable[[int], Awaitable[Sequence[dict[str, Any]]]]

log = structlog.get_logger()


class WakeUpBroker(RedisStreamBroker):
    """taskiq's stream broker, made to survive Redis, and to rescue.

    `listen()` yields two kinds of wake-ups: those of the stream, and those `find_due` finds in
    the database every `rescue_s` seconds. Both are bounded by the worker's limits and stop with
    its drain. It reads no more than this process has room for.
    """

    def __init__(self) -> None:
        # No URL yet: settings are read at start-up, not at import. Nothing is connected here.
        super().__init__(
            "redis://",
            queue_name=QUEUE,
            consumer_group_name=GROUP,
            consumer_name=CONSUMER,
            consumer_id="0",  # After data loss, what was sent before the group exists counts too.
            maxlen=STREAM_LENGTH_MAX,
            max_connection_pool_size=CONNECTIONS_MAX,
        )
        self._find_due: FindDue | None = None
        self._due_task_name = ""
        self._rescue_s = 0.0
        self._sources = _Sources()
        self._in_flight = 0
        self._read_up_to: bytes | None = None
        self.room_max = _async_tasks_max()
        """How many tasks this process runs at once."""
        self._parent_pid = parent_pid()

    def connect(self, redis_url: str) -> None:
        """Points the broker at Redis; no connection is opened before the first use."""
        self.connection_pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
            redis_url,
            max_connections=CONNECTIONS_MAX,
            timeout=1,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            socket_timeout=REPLY_TIMEOUT_S,
        )

    def rescue_with(self, find_due: FindDue, *, task_name: str, rescue_s: float) -> None:
        """Every `rescue_s` seconds, starts `task_name` with each of the arguments found."""
        self._find_due, self._due_task_name, self._rescue_s = find_due, task_name, rescue_s

    def message_of(self, task_name: str, arguments: dict[str, Any]) -> bytes:
        """A message that starts `task_name`, as `kiq` would write it."""
        message: BrokerMessage = self.formatter.dumps(
            TaskiqMessage(
                task_id=self.id_generator(),
                task_name=task_name,
                labels={},
                args=[],
                kwargs=arguments,
            )
        )
        return message.message

    async def send_all(self, messages: Sequence[bytes]) -> list[None]:
        """Sends what is ready at one moment in one round trip; one None for each."""
        async with (
            Redis(connection_pool=self.connection_pool) as redis,
            redis.pipeline(transaction=False) as pipeline,
        ):
            for message in messages:
                pipeline.xadd(self.queue_name, {b"data": message}, maxlen=self.maxlen)
            await pipeline.execute()
        return [None] * len(messages)

    async def leave_mark(self, name: str, *, lasts_s: int) -> None:
        """Sets a key that tells of this process, or removes it; without Redis nothing is done."""
        with suppress(RedisError, OSError, TimeoutError):
            async with Redis(connection_pool=self.connection_pool) as redis:
                await (redis.set(name, 1, ex=lasts_s) if lasts_s else redis.delete(name))

    async def startup(self) -> None:
        """Starts without Redis too: the group is made when the stream is first read."""
        await AsyncBroker.startup(self)

    async def listen(self) -> AsyncGenerator[AckableMessage, None]:
        """Wake-ups, as long as the worker asks for them; errors of Redis end nothing."""
        self._parent_pid = parent_pid()
        wakeups: asyncio.Queue[bytes] = asyncio.Queue(maxsize=1)
        sources = [supervised("stream reader", partial(self._read_stream, wakeups))]
        if self._find_due is not None:
            sources.append(supervised("rescue", partial(self._rescue, wakeups, self._find_due)))
        try:
            while True:
                data = await wakeups.get()
                self._in_flight += 1
                yield AckableMessage(data=data, ack=self._done)
        finally:
            for source in sources:
                await end_task(source)

    @property
    def room(self) -> int:
        """How many more wake-ups this process can start at once; at least one."""
        return max(1, self.room_max - self._in_flight)

    async def _done(self) -> None:
        """taskiq acks every message once, whatever became of it: here that frees its room."""
        self._in_flight -= 1

    async def _read_stream(self, wakeups: asyncio.Queue[bytes]) -> None:
        pause_s = RECONNECT_FIRST_S
        waits = Waits(BLOCK_MS / 1000)
        # One for all reads: a busy worker reads for each job, and making it costs as much as that.
        async with Redis(connection_pool=self.connection_pool) as redis:
            while True:
                try:
                    for data in await self._read(redis, waits):
                        self._sources.stream_brought()
                        await wakeups.put(data)
                    pause_s = RECONNECT_FIRST_S
                    reachability.redis.found()
                except (RedisError, OSError, TimeoutError) as error:
                    if _lacks_group(error) and await self._has_declared_group():
                        continue
                    reachability.redis.lost(error)
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 2, RECONNECT_MAX_S)

    async def _read(self, redis: Redis, waits: Waits) -> list[bytes]:
        """What is in the stream, at most as much as there is room for; waits a while for it.

        What was read is trimmed off in the same round trip as the next read, all before it too: the
        group reads in order, so a process that was killed leaves nothing behind for good, and the
        stream is as long as what waits.
        """
        waits.begin()
        async with redis.pipeline(transaction=False) as pipeline:
            if self._read_up_to is not None:
                pipeline.xtrim(QUEUE, minid=_after(self._read_up_to), approximate=False)
            pipeline.xreadgroup(
                GROUP, CONSUMER, {QUEUE: ">"}, count=self.room, block=BLOCK_MS, noack=True
            )
            fetched: Any = (await pipeline.execute())[-1]
        await waits.end(is_empty=not fetched)
        entries = [entry for _, entries in fetched or () for entry in entries]
        self._read_up_to = entries[-1][0] if entries else None
        found = [fields[b"data"] for _, fields in entries if fields and b"data" in fields]
        if len(found) < len(entries):
            telemetry.wakeups_malformed.inc(len(entries) - len(found))
            log.warning("wakeups.malformed", count=len(entries) - len(found))
        return found

    async def _has_declared_group(self) -> bool:
        """Whether the group was made. taskiq's own way tells nothing: it hides every refusal."""
        async with Redis(connection_pool=self.connection_pool) as redis:
            try:
                await redis.xgroup_create(QUEUE, GROUP, id=self.consumer_id, mkstream=True)
            except (RedisError, OSError, TimeoutError) as error:
                return "BUSYGROUP" in str(error)  # Another worker made it meanwhile.
            return True

    async def _rescue(self, wakeups: asyncio.Queue[bytes], find_due: FindDue) -> None:
        while True:
            await asyncio.sleep(self._rescue_s)
            if os.getppid() != self._parent_pid:
                # The manager was killed; nothing else would end this process.
                log.error("worker.orphaned")
                os.kill(os.getpid(), signal.SIGTERM)
                return
            due = await find_due(self.room)
            self._sources.rescue_brought(len(due))
            for arguments in due:
                await wakeups.put(self.message_of(self._due_task_name, arguments))


def _after(message_id: bytes) -> str:
    """The least id beyond this one, which is two numbers: a time and a sequence."""
    at, _, number = message_id.decode().partition("-")
    return f"{at}-{int(number) + 1}"


class _Sources:
    """Counts where wake-ups come from, and says when they come by rescue only."""

    def __init__(self) -> None:
        self._rescues_alone = 0

    def stream_brought(self) -> None:
        telemetry.wakeups.labels("stream").inc()
        if self._rescues_alone >= RESCUES_ALONE:
            log.info("wakeups.by_stream_again")
        self._rescues_alone = 0
        telemetry.wakeups_by_rescue_only.set(0)

    def rescue_brought(self, count: int) -> None:
        """What one poll found."""
        telemetry.wakeups.labels("rescue").inc(count)
        self._rescues_alone += count > 0
        if count and self._rescues_alone == RESCUES_ALONE:
            log.warning("wakeups.by_rescue_only", polls=RESCUES_ALONE)
            telemetry.wakeups_by_rescue_only.set(1)


def _lacks_group(error: Exception) -> bool:
    return isinstance(error, ResponseError) and "NOGROUP" in str(error)


def parent_pid() -> int:
    """Of the process that started this one, as it was before the fork: it may be gone by now."""
    parent = multiprocessing.parent_process()
    return os.getppid() if parent is None or parent.pid is None else parent.pid


def _async_tasks_max() -> int:
    """taskiq tells the broker nothing of `--max-async-tasks`; its own parser reads it here.

    By then taskiq has taken its own name off the front of `sys.argv`.
    """
    for at, word in enumerate(sys.argv[:2]):
        if word == "worker":
            try:
                return max(1, WorkerArgs.from_cli(sys.argv[at + 1 :]).max_async_tasks)
            except SystemExit:
                break
    return ASYNC_TASKS_DEFAULT
