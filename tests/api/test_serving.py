"""The real process: `serve` on a loopback port, with sockets and signals."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx2
import pytest

from app.local.embedded.data_dir import free_port
from app.main import serve
from app.settings import Settings, SettingsError
from app.users.auth import issue_token
from tests.support.api import CHAT, unlock, upload
from tests.support.raw_http import told

DEADLINE_S = 60
NO_REDIS = "redis://127.0.0.1:1/0"
SERVE = (
    "import sys; from app.main import serve; from app.settings import load_settings;"
    " serve(load_settings(), port=int(sys.argv[1]), host=sys.argv[2])"
)


@asynccontextmanager
async def served(environment: dict[str, str]) -> AsyncGenerator[tuple[Process, int]]:
    """The API process and its port; ended at the latest when the block is left."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SERVE, str(port), "127.0.0.1", env=environment, stderr=PIPE
    )
    try:
        async with asyncio.timeout(DEADLINE_S), httpx2.AsyncClient() as client:
            while True:
                assert process.returncode is None, (await process.communicate())[1].decode()
                try:
                    await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def environment_without_redis(environment: dict[str, str]) -> dict[str, str]:
    return environment | {"SIXFOLD_REDIS_URL": NO_REDIS}


def client_of(settings: Settings, port: int) -> httpx2.AsyncClient:
    token = issue_token(settings, "alice", [], ttl_s=600)
    headers = {"authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=DEADLINE_S
    )


async def test_sixty_megabytes_without_a_token_are_refused_unread(
    environment_without_redis: dict[str, str],
) -> None:
    async with served(environment_without_redis) as (_, port), asyncio.timeout(DEADLINE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/chats HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n"
            b"Content-Length: 62914560\r\n\r\n--x\r\n"
        )
        await writer.drain()
        # No more of the body was sent, and the answer is here and the connection closed.
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 401 ")
    assert "connection: close" in head.lower()
    assert "server:" not in head.lower()
    assert json.loads(body)["code"] == "unauthorized"


@pytest.mark.parametrize("address", ["192.0.2.1", "::", "", "sixfold.example.org"])
def test_beyond_loopback_the_process_does_not_start_without_its_hosts(
    settings: Settings, address: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        serve(settings, host=address, port=free_port())
    said = str(refused.value)
    assert said.startswith("sixfold cannot start: SIXFOLD_ALLOWED_HOSTS: must be set where")
    assert len(said.splitlines()) == 1


async def test_beyond_loopback_the_process_starts_with_its_hosts(
    environment_without_redis: dict[str, str],
) -> None:
    allowed = environment_without_redis | {"SIXFOLD_ALLOWED_HOSTS": '["sixfold.example.org"]'}
    # An address of documents, which no machine has.
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVE, str(free_port()), "192.0.2.1"), env=allowed, stderr=PIPE
    )
    async with asyncio.timeout(DEADLINE_S):
        said = (await process.communicate())[1].decode()
    assert "SIXFOLD_ALLOWED_HOSTS" not in said
    assert "attempting to bind on address" in said


async def test_the_process_refuses_what_its_parser_would_let_through(
    settings: Settings, environment_without_redis: dict[str, str]
) -> None:
    token = issue_token(settings, "alice", [], ttl_s=600).encode()
    bearer = b"Authorization: Bearer " + token + b"\r\n"
    asked = b"GET /api/categories HTTP/1.1\r\nHost: a\r\n"
    chunked = asked + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    async with served(environment_without_redis) as (_, port):
        (trailed,) = await told(port, chunked + bearer + b"\r\n")
        assert (trailed.status, trailed.code) == (401, "unauthorized")
        (twice,) = await told(port, asked + bearer + bearer + b"\r\n")
        assert (twice.status, twice.code) == (400, "duplicate_header")
        (endless,) = await told(port, asked + b"X-Endless: " + b"x" * 40_000)
        assert (endless.status, endless.code) == (431, "headers_too_large")
        (good,) = await told(port, asked + bearer + b"Connection: close\r\n\r\n")
        assert good.status == 200


async def test_without_redis_the_api_starts_and_takes_orders(
    settings: Settings, environment_without_redis: dict[str, str]
) -> None:
    async with (
        served(environment_without_redis) as (_, port),
        client_of(settings, port) as alice,
    ):
        async with asyncio.timeout(DEADLINE_S):
            while (ready := await alice.get("/readyz")).status_code != 200:
                pass  # The database did not answer in time.
        assert (ready.json()["status"], ready.json()["redis"]) == ("ready", "unreachable")
        chat_id = (await upload(alice, CHAT.encode())).json()["id"]
        assert (await unlock(alice, chat_id)).status_code == 202


async def test_a_stop_ends_open_streams_and_exits_cleanly(
    settings: Settings, environment: dict[str, str]
) -> None:
    async with served(environment) as (process, port), client_of(settings, port) as alice:
        chat_id = (await upload(alice, CHAT.encode())).json()["id"]
        job = (await unlock(alice, chat_id)).json()
        async with (
            asyncio.timeout(DEADLINE_S),
            alice.stream("GET", job["links"]["events"]) as stream,
        ):
            lines = stream.aiter_lines()
            assert await anext(lines) == "event: snapshot"
            process.send_signal(signal.SIGTERM)
            rest = [line async for line in lines]
            assert rest[0].startswith("data: {")
            assert await process.wait() == 0


async def test_a_stop_is_told_before_it_happens(
    settings: Settings, environment: dict[str, str]
) -> None:
    """Who sends requests hears late that the API leaves: new connections are served meanwhile."""
    patient = environment | {"SIXFOLD_SHUTDOWN_DELAY_S": "60"}
    async with served(patient) as (process, port), asyncio.timeout(DEADLINE_S):
        process.send_signal(signal.SIGTERM)
        while (await _once(settings, port, "/readyz")).status_code != 503:
            pass
        for _ in range(3):
            assert (await _once(settings, port, "/api/credits")).status_code == 200
        process.send_signal(signal.SIGTERM)  # The second one does not wait.
        assert await process.wait() == 0


async def _once(settings: Settings, port: int, path: str) -> httpx2.Response:
    """The answer on a connection of its own."""
    async with client_of(settings, port) as client:
        return await client.get(path)
