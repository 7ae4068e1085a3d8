"""The API process, put together: start-up and shutdown, routers, the one error handler."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import FrameType
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from redis.asyncio import Redis
from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from app import telemetry
from app.api import (
    categories,
    chat_revisions,
    chats,
    console,
    feedback,
    health,
    jobs,
    me,
    pictures,
    provider_sign_in,
    sent_prompts,
    session,
    unlocks,
)
from app.api import credits as credits_
from app.api.describing import described, methods_of
from app.api.event_stream import remember_abort
from app.api.gate import Gate
from app.api.http_protocol import BoundedHttpProtocol
from app.api.problems import REFUSED_BY_NAME, Internal, MethodNotAllowed, problem
from app.api.rate_limit import RateLimits
from app.api.sessions import Sessions
from app.api.state import ApiState
from app.api.stream_places import StreamPlaces
from app.chats.upload import Uploads
from app.crypto import KeyRing, SealBroken
from app.db import close_engine, open_engine
from app.errors import DomainError, NotFound, ValidationFailed
from app.gc_tuning import tune_gc
from app.hosts import is_loopback
from app.jobs.notifications import JOB_CHANGED, Notifications, listen
from app.liveness import watched_loop
from app.llm.rejections import Rejections
from app.logging import configure_logging
from app.progress.snapshots import QueuePositions
from app.progress.subscriptions import SnapshotFeed
from app.redis import SOON_S, connect_redis, end_task
from app.role_check import check_role
from app.settings import Settings, SettingsError, load_api_settings
from app.supervision import supervised
from app.unlocks.batch import UnlockBatcher, UnlockTerms
from app.users.auth import check_keys, token_verifier
from app.users.deleted import DeletedUsers
from app.users.oidc import ProviderSignIn, open_provider
from workers.tasks import announce_chat, close_wakeups, open_wakeups, wake_worker

GRACE_S = 10
POOL_WAIT_S = 2.0
"""For a connection to the database; then the answer is 503."""
IMPORT_WORKERS_MAX = 2
LIMITS_CONNECTIONS_MAX = 4
FIELD_CHARS_MAX = 100

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Api(FastAPI):
    """FastAPI whose description names the problem document and the bearer token."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request; the innermost part can cut its connection."""
        if scope["type"] == "http":
            remember_abort(scope, receive)
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self.openapi_schema is None:
            described(super().openapi())
        return self.openapi_schema or {}


_PARTS = (
    unlocks,
    categories,
    jobs,
    feedback,
    sent_prompts,
    chats,
    chat_revisions,
    pictures,
    credits_,
    me,
    session,
    provider_sign_in,
    health,
    console,
)
"""With a router each."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The API. Nothing is connected before its lifespan starts."""
    settings = settings or load_api_settings()
    app = Api(
        title="Sixfold",
        description="AI insights about a chat, for coins.",
        version="1",
        lifespan=_lifespan,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.leaving = asyncio.Event()
    app.state.stopping = asyncio.Event()
    rates = RateLimits(per_minute=settings.requests_per_minute)
    app.state.rates = rates
    app.state.sessions = sessions = Sessions()
    app.state.deleted = DeletedUsers()
    app.add_middleware(
        Gate,
        settings=settings,
        verifier=token_verifier(settings),
        rates=rates,
        sessions=sessions,
        deleted=app.state.deleted,
    )
    app.add_exception_handler(DomainError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse_values)
    app.add_exception_handler(HTTPException, _refuse_by_framework)
    for part in _PARTS:
        app.include_router(part.router)
    app.mount("/static", console.static_files())
    return app


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Runs the API until SIGTERM or SIGINT; requests under way are finished, streams end.

    After SIGTERM it is not ready, and takes connections for `shutdown_delay_s` more: load
    balancers hear of its end late. SIGINT, or a second SIGTERM, does not wait.
    """
    _check_hosts(settings, host)
    check_keys(settings)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    configure_logging(json=settings.log_json, level=settings.log_level)
    _Server(config, app.state, settings).run()


def _check_hosts(settings: Settings, address: str) -> None:
    """Raises SettingsError where others reach the API, and it would answer to any name."""
    if not is_loopback(address) and "allowed_hosts" not in settings.model_fields_set:
        raise SettingsError(
            f"sixfold cannot start: SIXFOLD_ALLOWED_HOSTS: must be set where the API listens on"
            f" {address or 'all addresses'}, which is not loopback: a JSON list of the Host headers"
            ' it answers to, such as ["sixfold.example.org"]'
        )


class _Server(uvicorn.Server):
    """Tells streams to end before uvicorn waits for them: it does so before the lifespan ends."""

    def __init__(self, config: uvicorn.Config, state: State, settings: Settings) -> None:
        super().__init__(config)
        self._leaving: asyncio.Event = state.leaving
        self._stopping: asyncio.Event = state.stopping
        self._delay_s = settings.shutdown_delay_s
        self._liveness_dir = settings.liveness_dir
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        with watched_loop("api", self._liveness_dir):
            await super().serve(sockets)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        tune_gc()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not the original: it raises the signal again at the end, and a clean end is no failure.
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        if self._loop is None:
            self.should_exit = True
            return
        is_first = not self._leaving.is_set()
        self._loop.call_soon_threadsafe(self._leaving.set)
        delay_s = self._delay_s if is_first and sig == signal.SIGTERM else 0
        self._loop.call_soon_threadsafe(self._loop.call_later, delay_s, self._stop)

    def _stop(self) -> None:
        self._stopping.set()
        self.should_exit = True


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    settings: Settings = app.state.settings
    configure_logging(json=settings.log_json, level=settings.log_level)
    async with AsyncExitStack() as stack:
        app.state.api = await _open_state(app, stack)
        if settings.metrics_port is not None:
            port, hosts = settings.metrics_port, settings.allowed_hosts
            stop_metrics: Callable[[], None] = telemetry.serve_metrics(port, hosts=hosts)
            stack.callback(stop_metrics)
        log.info("api.started")
        yield
        app.state.stopping.set()
    log.info("api.stopped")


async def _open_state(app: FastAPI, stack: AsyncExitStack) -> ApiState:
    """Opens what the routes share; `stack` closes it in reverse order, the database last."""
    settings: Settings = app.state.settings
    await _open_database(settings, stack)
    redis = connect_redis(settings.redis_url)
    stack.push_async_callback(redis.aclose, close_connection_pool=True)
    open_wakeups(settings.redis_url)
    stack.push_async_callback(close_wakeups)
    unlocks = UnlockBatcher(unlock_terms(settings))
    stack.push_async_callback(unlocks.close)
    keyring, positions = KeyRing(settings.master_keys), QueuePositions()
    feed = SnapshotFeed(keyring, positions, stopping=app.state.stopping)
    stack.push_async_callback(feed.close)
    notifications = Notifications(redis)
    stack.push_async_callback(notifications.close)
    heard = partial(listen, redis, JOB_CHANGED, feed.refresh)
    stack.push_async_callback(end_task, supervised("job changes", heard))
    uploads = _uploads(settings, keyring)
    stack.push_async_callback(uploads.close)
    return ApiState(
        settings=settings,
        leaving=app.state.leaving,
        stopping=app.state.stopping,
        wake=wake_worker,
        announce=announce_chat,
        redis=redis,
        unlocks=unlocks,
        keyring=keyring,
        positions=positions,
        feed=feed,
        stream_places=_open_limits(app, stack),
        sessions=_open_sessions(app, stack, redis, feed),
        notifications=notifications,
        uploads=uploads,
        rejections=Rejections(redis),
        deleted=_deleted_users(app, stack),
        provider=_provider(settings, stack),
    )


async def _open_database(settings: Settings, stack: AsyncExitStack) -> None:
    await open_engine(
        settings.database_url,
        pool_size=settings.db_pool_size,
        overflow=settings.db_pool_overflow,
        recycle_s=settings.db_pool_recycle_s,
        pool_wait_s=POOL_WAIT_S,
        per_user=True,
    )
    stack.push_async_callback(close_engine)
    stack.push_async_callback(end_task, supervised("role check", check_role))


def _open_limits(app: FastAPI, stack: AsyncExitStack) -> StreamPlaces:
    """What users may do over all processes, in a Redis that is not waited for."""
    settings: Settings = app.state.settings
    redis = connect_redis(
        settings.redis_url,
        connections_max=LIMITS_CONNECTIONS_MAX,
        connect_timeout_s=SOON_S,
        reply_timeout_s=SOON_S,
    )
    stack.push_async_callback(redis.aclose, close_connection_pool=True)
    rates: RateLimits = app.state.rates
    rates.share(redis)
    places = StreamPlaces(redis)
    stack.push_async_callback(places.close)
    return places


def _open_sessions(
    app: FastAPI, stack: AsyncExitStack, redis: Redis, feed: SnapshotFeed
) -> Sessions:
    sessions: Sessions = app.state.sessions
    sessions.open(redis, tell_streams=feed.wake)
    stack.push_async_callback(sessions.close)
    return sessions


def _deleted_users(app: FastAPI, stack: AsyncExitStack) -> DeletedUsers:
    deleted: DeletedUsers = app.state.deleted
    stack.push_async_callback(end_task, supervised("deleted users", deleted.keep_reading))
    return deleted


def _provider(settings: Settings, stack: AsyncExitStack) -> ProviderSignIn | None:
    provider = open_provider(settings)
    if provider is not None:
        stack.push_async_callback(provider.close)
    return provider


def _uploads(settings: Settings, keyring: KeyRing) -> Uploads:
    return Uploads(
        keyring,
        at_once=settings.uploads_at_once,
        workers=min(IMPORT_WORKERS_MAX, settings.uploads_at_once),
        file_bytes_max=settings.upload_bytes_max,
        stored_bytes_max=settings.storage_bytes_max,
    )


def unlock_terms(settings: Settings) -> UnlockTerms:
    """What unlocks are under by these settings."""
    pays_a_provider = settings.llm_model is not None
    return UnlockTerms(
        expires_s=settings.expires_s,
        daily_jobs_max=settings.daily_jobs_max or None,
        daily_cost_max=(pays_a_provider and round(settings.daily_cost_max * 1_000_000)) or None,
    )


async def _refuse(_request: Request, error: Exception) -> Response:
    """The one place where a refusal becomes an answer."""
    if not isinstance(error, DomainError):
        raise error
    if isinstance(error, SealBroken):
        telemetry.unreadable.labels("read").inc()
        log.error("content.unreadable", reason=error.reason)
    status, headers, body = problem(error)
    return Response(body or None, status_code=status, headers=headers)


async def _refuse_values(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    errors: list[dict[str, Any]] = list(error.errors())
    if any(one["loc"][:1] == ("path",) for one in errors):
        return await _refuse(request, NotFound())  # An id that is none names no object.
    told = [{"field": _field(one["loc"]), "message": one["msg"]} for one in errors]
    return await _refuse(request, ValidationFailed(errors=told))


async def _refuse_by_framework(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    response = await _refuse(request, REFUSED_BY_NAME.get(error.status_code, Internal)())
    response.headers.update(error.headers or {})
    if error.status_code == MethodNotAllowed.http_status:
        response.headers["allow"] = ", ".join(methods_of(request))
    return response


def _field(location: tuple[int | str, ...]) -> str:
    """Where a wrong value stands. Names may come from the caller: bounded, and made UTF-8."""
    name = ".".join(str(part) for part in location[1:]) or str(location[0])
    return name[:FIELD_CHARS_MAX].encode("utf-8", "replace").decode()
