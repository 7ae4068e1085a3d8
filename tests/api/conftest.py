"""The API under test, in this process: its lifespan runs, requests go through its whole stack."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from uuid import UUID

import httpx2
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis

from app.generation.protocol import Generator
from app.jobs.engine import JobEngine
from app.jobs.leases import LeaseTimes
from app.jobs.notifications import Notifications
from app.jobs.preparer import Preparer
from app.main import create_app
from app.settings import Settings
from app.users.auth import issue_token
from tests.support.api import CHAT, Client, Finish, FinishWith, Login, upload
from tests.support.environment import API_ROLE, as_role
from tests.support.jobs import ScriptedGenerator
from tests.support.readers import reading_inline
from tests.support.rights import as_worker


@pytest.fixture
def owner_url(database_url: str) -> str:
    """The database as the owner of its tables."""
    return database_url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The API's: with the rights of its role."""
    return settings.model_copy(update={"database_url": as_role(settings.database_url, API_ROLE)})


@pytest.fixture
async def app(settings: Settings, redis: Redis) -> AsyncGenerator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def login(app: FastAPI, settings: Settings) -> AsyncGenerator[Login]:
    """`login("alice")`: a client that sends alice's token."""
    async with AsyncExitStack() as stack:

        def log_in(user_id: str, *scopes: str) -> Client:
            token = issue_token(settings, user_id, scopes, ttl_s=3600)
            client = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=app),
                base_url="http://sixfold.test",
                headers={"authorization": f"Bearer {token}"},
            )
            stack.push_async_callback(client.aclose)
            return client

        yield log_in


@pytest.fixture
def alice(login: Login) -> Client:
    return login("alice")


@pytest.fixture
def bob(login: Login) -> Client:
    return login("bob")


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncGenerator[Client]:
    """A client without a token."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://sixfold.test") as client:
        yield client


@pytest.fixture
async def chat_id(app: FastAPI, alice: Client) -> str:
    """A chat of alice's."""
    with reading_inline(app.state.api.uploads):
        reply = await upload(alice, CHAT.encode())
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


@pytest.fixture
async def finish_with(app: FastAPI, redis: Redis) -> AsyncGenerator[FinishWith]:
    """`finish_with(generator)`: a worker with it, which runs jobs to their end."""
    async with AsyncExitStack() as stack:

        def start(generator: Generator) -> Finish:
            engine = JobEngine(
                generator=generator,
                preparer=Preparer(app.state.api.keyring, processes=1, waiting_max=100),
                keyring=app.state.api.keyring,
                notifications=Notifications(redis),
                times=LeaseTimes(45, 110),
                heartbeat_s=15,
            )
            with as_worker():
                engine.start()
            stack.push_async_callback(engine.drain)

            async def finish(user_id: str, job_id: str) -> None:
                with as_worker():
                    await engine.run_job(user_id, UUID(job_id))

            return finish

        yield start


@pytest.fixture
async def finish(finish_with: FinishWith) -> Finish:
    """`finish("alice", job_id)`: a worker runs the job to its end; all six are written."""
    return finish_with(ScriptedGenerator())
