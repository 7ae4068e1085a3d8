"""What the API says about itself: health, OpenAPI, pages, metrics, logs."""

import io
import json
import logging
import re
import sys
from pathlib import Path

import fastapi.sse
import httpx2
import pytest
import structlog
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api.chats import NUMBERS_PATTERN
from app.api.jobs import router as insights
from app.cursors import POSITION_PATTERN, SEQ_PATTERN
from app.local.embedded.data_dir import free_port
from app.logging import configure_logging
from app.main import create_app
from app.settings import Settings
from tests.support.api import Client
from tests.support.raw_http import Connection

STATIC = Path(__file__).parents[2] / "app" / "web" / "static"
OWN_SCRIPTS = sorted(
    name
    for path in STATIC.rglob("*.js")
    if not (name := path.relative_to(STATIC).as_posix()).startswith("vendor/")
)


async def test_a_migrated_database_makes_the_api_ready(stranger: Client) -> None:
    reply = await stranger.get("/readyz")
    assert reply.status_code == 200
    assert reply.json() == {
        "status": "ready", "database": "ok", "migrated": True, "redis": "ok",
    }  # fmt: skip


async def test_without_a_database_the_api_is_up_but_not_ready(settings: Settings) -> None:
    away = settings.model_copy(update={"database_url": "postgresql://x@127.0.0.1:1/none"})
    app = create_app(away)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://x") as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (503, "unreachable")


async def test_a_missing_database_is_a_503_that_says_when_to_come_back(
    settings: Settings,
) -> None:
    from app.users.auth import issue_token

    away = settings.model_copy(update={"database_url": "postgresql://x@127.0.0.1:1/none"})
    app = create_app(away)
    transport = httpx2.ASGITransport(app=app)
    headers = {"authorization": f"Bearer {issue_token(settings, 'alice', [], ttl_s=60)}"}
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client,
    ):
        reply = await client.get("/api/credits")
    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
    assert int(reply.headers["retry-after"]) >= 1


async def test_every_call_documents_its_refusals_and_its_token(app: FastAPI) -> None:
    document = app.openapi()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    for path, operations in document["paths"].items():
        if not path.startswith("/api/"):
            continue
        for operation in operations.values():
            answers = operation["responses"]
            needs_token = not path.startswith("/api/sign-in")
            assert operation["security"] == ([{"token": []}] if needs_token else [])
            assert ("401" in answers) is needs_token
            assert {"422", "429", "500", "503"} <= set(answers)
            assert {"400", "405", "408", "413", "421", "431"} <= set(answers)
            assert "Allow" in answers["405"]["headers"]
            for status in ("429", "503"):
                assert "Retry-After" in answers[status]["headers"]
            for status in ("405", "413", "422", "429"):
                assert {"RateLimit", "RateLimit-Policy"} <= set(answers[status]["headers"])
            for status, response in operation["responses"].items():
                if status >= "4":
                    schema = response["content"]["application/problem+json"]["schema"]
                    assert schema["allOf"][1]["properties"]["code"]["enum"]
    unlock = document["paths"]["/api/insights/unlock"]["post"]["responses"]
    codes = {
        code
        for status in ("402", "404", "409", "422")
        for code in unlock[status]["content"]["application/problem+json"]["schema"]["allOf"][1][
            "properties"
        ]["code"]["enum"]
    }
    assert codes == {
        "insufficient_coins", "not_found", "unknown_category", "already_unlocked",
        "unlock_in_progress", "price_changed", "idempotency_key_reused", "validation_failed",
            "not_enough_messages",
    }  # fmt: skip


async def test_the_upload_form_is_described(app: FastAPI) -> None:
    post = app.openapi()["paths"]["/api/chats"]["post"]
    form = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"file", "date_order", "timezone", "chat"}
    assert form["required"] == ["file"]


def test_cursors_and_numbers_have_a_form(settings: Settings) -> None:
    forms: dict[str, set[str]] = {}
    for operations in create_app(settings).openapi()["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                assert "anyOf" not in parameter["schema"]  # Null cannot be sent.
                pattern = parameter["schema"].get("pattern", "")
                forms.setdefault(parameter["name"], set()).add(pattern)
    assert forms["cursor"] == {POSITION_PATTERN, SEQ_PATTERN}
    assert forms["numbers"] == {NUMBERS_PATTERN}


def test_every_reference_in_the_description_leads_somewhere(settings: Settings) -> None:
    document = create_app(settings).openapi()
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))
    assert references
    for reference in references:
        place = document
        for step in reference.split("/"):
            place = place[step]


@pytest.mark.parametrize("page", ["/", "/docs"])
async def test_pages_load_nothing_from_elsewhere(stranger: Client, page: str) -> None:
    reply = await stranger.get(page)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http://" not in reply.text
    assert "https://" not in reply.text
    assert "<script>" not in reply.text
    assert " style=" not in reply.text
    for address in re.findall(r'(?:src|href)="([^"#]+)"', reply.text):
        assert address.startswith("/")
        assert (await stranger.get(address)).status_code == 200


@pytest.mark.parametrize("script", OWN_SCRIPTS)
def test_scripts_never_write_markup(script: str) -> None:
    source = (STATIC / script).read_text()
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert danger not in source


async def test_files_outside_the_static_folder_are_not_served(stranger: Client) -> None:
    for path in ("/static/../routes.py", "/static/%2e%2e/routes.py", "/static/"):
        assert (await stranger.get(path)).status_code == 404


async def test_metrics_name_routes_and_never_users(alice: Client, settings: Settings) -> None:
    from prometheus_client import generate_latest

    await alice.get("/api/chats/018f3b5e-0000-7000-8000-000000000000")
    shown = generate_latest().decode()
    assert (
        'sixfold_http_requests_total{method="GET",route="/api/chats/{chat_id}",status="404"}'
        in shown
    )
    assert "alice" not in shown
    assert "018f3b5e" not in shown


async def test_an_unexpected_error_is_told_without_details(
    alice: Client, app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken() -> None:
        raise ValueError("a line of a private chat")

    app.router.routes.insert(0, APIRoute("/api/broken", broken))
    reply = await alice.get("/api/broken")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal")
    assert "private chat" not in reply.text
    logged = capsys.readouterr().err
    assert "http.failed" in logged
    assert "ValueError" in logged
    assert "private chat" not in logged


def test_logs_are_one_json_object_a_line_whoever_writes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logging(json=True, level="INFO")
    structlog.get_logger().info("insight_job.settled", coins=50)
    logging.getLogger("uvicorn.error").warning("library says %s", "hi")
    logging.getLogger("taskiq.receiver").info("too much")
    try:
        raise RuntimeError("ours")
    except RuntimeError:
        logging.getLogger("asyncio").exception("went wrong")
    first, second, third = (json.loads(line) for line in written.getvalue().splitlines())
    assert (first["event"], first["coins"], first["level"]) == ("insight_job.settled", 50, "info")
    assert (second["event"], second["logger"]) == ("library says hi", "uvicorn.error")
    assert third["exception"][0]["type"] == "builtins.RuntimeError"


def test_the_routes_of_insights_all_need_the_gate() -> None:
    for route in insights.routes:
        assert isinstance(route, APIRoute)
        assert route.path.startswith("/api/")


async def test_metrics_are_served_on_a_loopback_port_of_their_own(settings: Settings) -> None:
    port = free_port()
    app = create_app(settings.model_copy(update={"metrics_port": port}))
    async with app.router.lifespan_context(app), httpx2.AsyncClient() as client:
        reply = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert "sixfold_http_event_streams" in reply.text


@pytest.mark.parametrize(
    ("allowed", "host", "status"),
    [
        (("*",), b"127.0.0.1:9", 200),
        (("*",), b"localhost", 200),
        (("*",), b"rebound.example.com", 421),
        (("*",), b"", 421),
        (("*",), None, 421),
        (("*.example.org",), b"a.example.org", 200),
        (("*.example.org",), b"localhost", 200),
        (("*.example.org",), b"127.0.0.1.example.com", 421),
    ],
)
async def test_metrics_are_served_for_loopback_and_allowed_hosts_only(
    settings: Settings, allowed: tuple[str, ...], host: bytes | None, status: int
) -> None:
    port = free_port()
    app = create_app(settings.model_copy(update={"metrics_port": port, "allowed_hosts": allowed}))
    header = b"" if host is None else b"Host: " + host + b"\r\n"
    async with app.router.lifespan_context(app), Connection(port) as connection:
        await connection.send(b"GET /metrics HTTP/1.1\r\n" + header + b"\r\n")
        answer = await connection.everything()
    assert int(answer.split()[1]) == status
    assert (b"sixfold_" in answer) == (status == 200)


async def test_a_page_cannot_add_a_host_that_is_allowed(settings: Settings) -> None:
    port = free_port()
    app = create_app(settings.model_copy(update={"metrics_port": port}))
    twice = b"GET /metrics HTTP/1.1\r\nHost: a.example.com\r\nHost: localhost\r\n\r\n"
    async with app.router.lifespan_context(app), Connection(port) as connection:
        await connection.send(twice)
        assert b"sixfold_" not in await connection.everything()


def test_streams_say_every_fifteen_seconds_that_they_live() -> None:
    # FastAPI's own support for event streams sends the comment; the contract names its period.
    assert fastapi.sse._PING_INTERVAL == 15
