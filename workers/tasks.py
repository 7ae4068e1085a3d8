"""The tasks: one call each into the application."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from redis.exceptions import RedisError

from app import reachability
from app.errors import Unavailable
from app.group_commit import GroupCommit
from app.jobs.sweeps import run_sweep
from workers.process import RUN_JOB_TASK, broker, engine

__all__ = [
    "broker",
    "cleanup_expired_reservations",
    "delete_unused_chats",
    "erase_keys",
    "prepare_chat",
    "retry_payment",
    "run_insight_job",
]

WAKE_TIMEOUT_S = 0.25
PREPARE_CHAT_TASK = "prepare_chat"


@broker.task(RUN_JOB_TASK)
async def run_insight_job(user_id: str, job_id: str) -> None:
    """Runs one job, if it is due."""
    await engine().run_job(user_id, UUID(job_id))


@broker.task(PREPARE_CHAT_TASK)
async def prepare_chat(user_id: str, chat_id: str) -> None:
    """Prepares a chat that was just uploaded."""
    await engine().prepare_chat(user_id, UUID(chat_id))


@broker.task(
    "cleanup_expired_reservations",
    schedule=[{"cron": "*/5 * * * *", "schedule_id": "cleanup_expired_reservations"}],
)
async def cleanup_expired_reservations() -> None:
    """Ends jobs whose reservation is overdue."""
    await run_sweep("cleanup_expired_reservations")


@broker.task("retry_payment", schedule=[{"cron": "* * * * *", "schedule_id": "retry_payment"}])
async def retry_payment() -> None:
    """Charges jobs whose charge was refused before."""
    await run_sweep("retry_payment")


@broker.task(
    "delete_unused_chats",
    schedule=[{"cron": "17 * * * *", "schedule_id": "delete_unused_chats"}],
)
async def delete_unused_chats() -> None:
    """Deletes chats whose retention has ended."""
    await run_sweep("delete_unused_chats")


@broker.task("erase_keys", schedule=[{"cron": "* * * * *", "schedule_id": "erase_keys"}])
async def erase_keys() -> None:
    """Erases what keys of deleted chats have left on the disk."""
    await run_sweep("erase_keys")


async def wake_worker(user_id: str, job_id: UUID) -> None:
    """Tells a worker that the job is due. Never raises: a failure costs only latency."""
    await _hint(RUN_JOB_TASK, {"user_id": user_id, "job_id": str(job_id)})


async def announce_chat(user_id: str, chat_id: UUID) -> None:
    """Tells a worker of a new chat. Never raises: without it the first job has it prepared."""
    await _hint(PREPARE_CHAT_TASK, {"user_id": user_id, "chat_id": str(chat_id)})


async def _hint(task_name: str, arguments: dict[str, str]) -> None:
    try:
        async with asyncio.timeout(WAKE_TIMEOUT_S):
            await _wakeups().submit(broker.message_of(task_name, arguments))
    except (Unavailable, OSError, TimeoutError) as error:
        reachability.redis.lost(error.__cause__ or error)
    else:
        reachability.redis.found()


def open_wakeups(redis_url: str) -> None:
    """Makes `wake_worker` work on the running loop of this process, which is no worker."""
    broker.connect(redis_url)
    broker.state.wakeups = GroupCommit[bytes, None](_send, kind="wakeups")


async def close_wakeups() -> None:
    """Closes what `open_wakeups` opened."""
    await _wakeups().close()
    await broker.connection_pool.disconnect()


async def _send(messages: Sequence[bytes]) -> list[None]:
    """Raises Unavailable or TimeoutError for all of them: alone they would fare no better."""
    try:
        async with asyncio.timeout(WAKE_TIMEOUT_S):
            return await broker.send_all(messages)
    except RedisError as error:
        raise Unavailable from error


def _wakeups() -> GroupCommit[bytes, None]:
    group: GroupCommit[bytes, None] = broker.state.wakeups
    return group
