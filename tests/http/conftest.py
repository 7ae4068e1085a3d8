"""The API under test, in this process: its lifespan runs, requests go through its whole stack."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from app.main import create_app
from app.settings import Settings
from app.users.auth import issue_token

Client = httpx2.AsyncClient
Login = Callable[..., Client]

CHAT = "".join(
    f"{1 + n // 24:02}/03/2024, {n % 24:02}:{n % 60:02} - {'Ana' if n % 3 else 'Ben'}: {text}\n"
    for n, text in enumerate(
        ["Good morning!", "How are you?", "Fine, thanks 😀", "=SUM(A1)", "Shall we meet?"] * 120
    )
)
"""600 messages over 25 days: two blocks, and days that leave no doubt about the date order."""


@pytest.fixture
def chat_text() -> str:
    return CHAT


@pytest.fixture
async def app(settings: Settings) -> AsyncGenerator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def login(app: FastAPI, settings: Settings) -> AsyncGenerator[Login]:
    """`login("alice")`: a client that sends alice's token."""
    clients: list[Client] = []

    def log_in(user_id: str, *scopes: str) -> Client:
        token = issue_token(settings, user_id, scopes, ttl_s=3600)
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app),
            base_url="http://sixfold.test",
            headers={"authorization": f"Bearer {token}"},
        )
        clients.append(client)
        return client

    yield log_in
    for client in clients:
        await client.aclose()


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
async def chat_id(alice: Client) -> str:
    reply = await upload(alice, CHAT.encode())
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


async def upload(
    client: Client, content: bytes, filename: str = "chat.txt", **fields: str
) -> httpx2.Response:
    return await client.post("/api/chats", files={"file": (filename, content)}, data=fields)


STATIC = Path("app/web/static")
