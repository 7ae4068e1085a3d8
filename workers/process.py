"""A worker process: what start-up opens and shutdown closes, in order."""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from taskiq import TaskiqEvents, TaskiqState

from app import telemetry
from app.crypto import KeyRing
from app.db import close_engine, open_engine
from app.errors import Unavailable
from app.gc_tuning import tune_gc
from app.generation.offline.generator import OfflineGenerator
from app.generation.protocol import Generator
from app.jobs.engine import JobEngine
from app.jobs.horizon import Horizon
from app.jobs.leases import LeaseTimes
from app.jobs.notifications import JOB_CANCELLED, Notifications, listen
from app.jobs.preparer import Preparer
from app.jobs.rescue import end_abandoned_jobs, find_due_jobs
from app.jobs.sweeps import run_overdue_sweeps
from app.liveness import watched_loop
from app.llm.configured import configured_limits, configured_llm, configured_price
from app.llm.rejections import Rejections
from app.logging import configure_logging
from app.redis import connect_redis, end_task
from app.role_check import check_role
from app.settings import Settings, SettingsError, load_scheduler_settings, load_settings
from app.supervision import supervised
from workers.broker import WakeUpBroker

RUN_JOB_TASK = "run_insight_job"
METRICS_PORTS = 16
FIRST_OF_THE_MASTER = "worker-0"
GENERATOR = "generator"
"""Who sets this in `broker.state` before start-up has its own generator write the insights."""

Found = TypeVar("Found")

log = structlog.get_logger()

broker = WakeUpBroker()


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def start_worker(state: TaskiqState) -> None:
    """Opens the engine and starts the heartbeat; neither PostgreSQL nor Redis need be there.

    A start that fails closes what it has opened.
    """
    settings = _settings_or_end()
    configure_logging(json=settings.log_json, level=settings.log_level)
    async with AsyncExitStack() as opened:
        if _is_child():
            opened.enter_context(watched_loop("worker", settings.liveness_dir))
        await _open(opened, state, settings)
        state.opened = opened.pop_all()
    if _is_child():
        tune_gc()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def stop_worker(state: TaskiqState) -> None:
    """Returns the leases of what still runs, then closes; the engine of the database last.

    What fails to close keeps nothing else open; the first failure is raised in the end.
    """
    if "opened" in state:
        opened: AsyncExitStack = state.opened
        await opened.aclose()


async def _open(opened: AsyncExitStack, state: TaskiqState, settings: Settings) -> None:
    """Opens what a worker needs; `opened` closes it in the opposite order."""
    broker.connect(settings.redis_url)
    await open_engine(
        settings.database_url,
        pool_size=settings.db_pool_size,
        overflow=settings.db_pool_overflow,
        recycle_s=settings.db_pool_recycle_s,
    )
    opened.push_async_callback(close_engine)
    opened.push_async_callback(end_task, supervised("role check", check_role))
    redis = connect_redis(settings.redis_url)
    opened.push_async_callback(redis.aclose)
    state.engine = _job_engine(state, settings, redis, opened)
    opened.push_async_callback(state.engine.drain)
    state.engine.start()
    listener = supervised(
        "job cancellations", partial(listen, redis, JOB_CANCELLED, state.engine.recheck)
    )
    opened.push_async_callback(end_task, listener)
    if settings.metrics_port is not None:
        opened.callback(_serve_metrics(settings.metrics_port, settings.allowed_hosts))
    rescue = partial(_rescue, horizons=defaultdict(Horizon), expires_s=settings.expires_s)
    broker.rescue_with(rescue, task_name=RUN_JOB_TASK, rescue_s=settings.rescue_s)


def _job_engine(
    state: TaskiqState, settings: Settings, redis: Redis, opened: AsyncExitStack
) -> JobEngine:
    notifications = Notifications(redis)
    opened.push_async_callback(notifications.close)
    limits = configured_limits(settings, redis)
    opened.push_async_callback(limits.close)
    keyring = KeyRing(settings.master_keys)
    preparer = Preparer(
        keyring,
        processes=settings.preparing_processes,
        waiting_max=max(1, broker.room_max // 2),
    )
    return JobEngine(
        generator=state.get(GENERATOR) or _generator(settings, redis, opened),
        preparer=preparer,
        keyring=keyring,
        notifications=notifications,
        times=LeaseTimes(settings.lease_s, settings.attempt_s),
        heartbeat_s=settings.heartbeat_s,
        limits=limits,
    )


@broker.on_event(TaskiqEvents.CLIENT_STARTUP)
async def start_client(state: TaskiqState) -> None:
    """The scheduler's start-up: it sends wake-ups; it knows no database and no key."""
    _end_cleanly_on_sigterm()
    settings = load_scheduler_settings()
    configure_logging(json=settings.log_json, level=settings.log_level)
    state.watch = ExitStack()
    state.watch.enter_context(watched_loop("scheduler", settings.liveness_dir))
    broker.connect(settings.redis_url)


@broker.on_event(TaskiqEvents.CLIENT_SHUTDOWN)
async def stop_client(state: TaskiqState) -> None:
    """The scheduler's end."""
    watch: ExitStack = state.watch
    watch.close()


def _end_cleanly_on_sigterm() -> None:
    """taskiq's scheduler ends in order when its task is cancelled, but hears SIGINT alone."""
    main = asyncio.current_task()
    if main is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)


def _settings_or_end() -> Settings:
    """The settings; where they are wrong, taskiq's master ends too instead of trying for ever.

    It would end with 0 on any signal that it handles. One of its processes does it for all.
    """
    try:
        return load_settings()
    except SettingsError as error:
        if not _is_child():
            raise
        if multiprocessing.current_process().name == FIRST_OF_THE_MASTER:
            sys.stderr.write(f"{error}\n")
            os.kill(os.getppid(), signal.SIGUSR1)
        os._exit(1)


def _is_child() -> bool:
    """Whether this is a process that taskiq's master made, and no test."""
    return multiprocessing.parent_process() is not None


def _serve_metrics(first_port: int, hosts: tuple[str, ...]) -> Callable[[], None]:
    """Serves on the first free port from `first_port` on: each process of a worker has its own."""
    for port in range(first_port, first_port + METRICS_PORTS):
        try:
            stop = telemetry.serve_metrics(port, hosts=hosts)
        except OSError:
            continue
        log.info("worker.metrics", port=port)
        return stop
    log.warning("worker.metrics_unavailable", first_port=first_port)
    return lambda: None


def engine() -> JobEngine:
    """The engine of this worker process; there is one from start-up on."""
    running: JobEngine = broker.state.engine
    return running


async def _rescue(
    room: int, *, horizons: Mapping[str, Horizon], expires_s: float
) -> list[dict[str, Any]]:
    """Arguments of the jobs to start; ends and sweeps what needs no worker. Never raises."""
    await _spared(end_abandoned_jobs(horizons["abandoned"]))
    await _spared(run_overdue_sweeps())
    only_prepared = not engine().has_room_to_prepare
    horizon = horizons["prepared" if only_prepared else "due"]
    due = await _spared(
        find_due_jobs(room, expires_s=expires_s, only_prepared=only_prepared, horizon=horizon)
    )
    return [{"user_id": user_id, "job_id": str(job_id)} for user_id, job_id in due or ()]


async def _spared(step: Awaitable[Found]) -> Found | None:
    """The step's result, None if it failed: the other steps, and the next poll, go on."""
    try:
        return await step
    except Unavailable:
        pass  # Why is in the log already, once.
    except Exception:
        log.exception("rescue.failed")
    return None


def _generator(settings: Settings, redis: Redis, opened: AsyncExitStack) -> Generator:
    """The model of the settings; without one the insights are written offline."""
    llm = configured_llm(settings)
    if llm is None:
        return OfflineGenerator()
    # The patterns of its redaction take long to compile; the API and an offline worker need none.
    from app.generation.model.generator import ModelGenerator

    opened.push_async_callback(llm.close)
    generator = ModelGenerator(
        llm,
        price=configured_price(settings),
        chars_max=settings.llm_prompt_chars,
        rejections=Rejections(redis),
    )
    opened.push_async_callback(generator.close)
    return generator
