"""What the tests of the API say to it."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from app.generation.protocol import Generator

Client = httpx2.AsyncClient
Reply = httpx2.Response
Login = Callable[..., Client]
Finish = Callable[[str, str], Awaitable[None]]
FinishWith = Callable[[Generator], Finish]

LINES = ["Good morning!", "How are you?", "Fine, thanks 😀", "=SUM(A1)", "Shall we meet?"]
CHAT = "".join(
    f"{1 + n // 24:02}/03/2024, {n % 24:02}:{n % 60:02} - {'Ana' if n % 3 else 'Ben'}: {text}\n"
    for n, text in enumerate(LINES * 120)
)
"""600 messages over 25 days: two blocks, and days that leave no doubt about the date order."""


async def upload(
    client: Client, content: bytes, filename: str = "chat.txt", **fields: str
) -> Reply:
    return await client.post("/api/chats", files={"file": (filename, content)}, data=fields)


async def unlock(
    client: Client, chat_id: str, category: str = "friendship", key: str | None = None, **body: Any
) -> Reply:
    headers = {} if key is None else {"idempotency-key": key}
    body = {"chat_id": chat_id, "category": category} | body
    return await client.post("/api/insights/unlock", json=body, headers=headers)


async def balance(client: Client) -> dict[str, int]:
    return (await client.get("/api/credits")).json()


def refusal(reply: Reply) -> tuple[int, str]:
    """Status and code of a problem document."""
    assert reply.headers["content-type"] == "application/problem+json", reply.text
    problem = reply.json()
    assert problem["status"] == reply.status_code
    assert problem["detail"]
    return reply.status_code, problem["code"]
