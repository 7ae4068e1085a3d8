"""A real API process of the product, and requests to it."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from signal import SIGTERM

import httpx2
from pydantic import SecretStr

from app.local.embedded.data_dir import free_port
from app.local.embedded.processes import Process, log_tail
from app.settings import Settings
from app.users.auth import issue_token
from benchmarks.services import AUTH_SECRET, Services, as_role

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
TOKEN_TTL_S = 3600


class Api:
    """One process of `sixfold serve`."""

    def __init__(self, services: Services, database_url: str, process: Process, port: int) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._settings = Settings(
            database_url=database_url,
            redis_url=services.redis_url,
            master_key=SecretStr(services.master_key),
            auth_secret=SecretStr(AUTH_SECRET),
        )

    def token(self, user_id: str) -> str:
        return issue_token(self._settings, user_id, (), TOKEN_TTL_S)

    def request(self, method: str, path: str, user_id: str, body: object = None) -> str:
        """A whole request as it goes over the wire."""
        content = "" if body is None else json.dumps(body)
        lines = [
            f"{method} {path} HTTP/1.1",
            "host: 127.0.0.1",
            f"authorization: Bearer {self.token(user_id)}",
        ]
        if content:
            lines += ["content-type: application/json", f"content-length: {len(content)}"]
        return "\r\n".join([*lines, "", content])


@asynccontextmanager
async def running_api(services: Services, database_url: str) -> AsyncGenerator[Api]:
    """The API, ready, with no limit on a user's requests; ended afterwards."""
    port = free_port()
    process = services.spawn(
        (sys.executable, "-m", "app.cli", "serve", "--port", str(port)),
        services.environment(
            as_role(database_url, "sixfold_api"),
            SIXFOLD_REQUESTS_PER_MINUTE="100000000",
            SIXFOLD_DAILY_JOBS_MAX="0",  # One account unlocks thousands here.
        ),
        log="api.log",
    )
    try:
        await _until_ready(services, process, port)
        yield Api(services, database_url, process, port)
    finally:
        await asyncio.to_thread(_end, process)


def unlocks(api: Api, chats: Iterable[tuple[str, str]], category: str) -> list[str]:
    """Unlock requests for (user_id, chat_id)."""
    return [
        api.request(
            "POST", "/api/insights/unlock", user_id, {"chat_id": chat_id, "category": category}
        )
        for user_id, chat_id in chats
    ]


async def _until_ready(services: Services, process: Process, port: int) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                while process.is_alive():
                    try:
                        if (await http.get("/readyz")).is_success:
                            return
                    except httpx2.TransportError:
                        pass
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
    raise RuntimeError(f"the API does not start:\n{log_tail(services.folder / 'api.log')}")


def _end(process: Process) -> None:
    process.send(SIGTERM)
    if not process.wait(STOP_TIMEOUT_S):
        process.kill_group()
