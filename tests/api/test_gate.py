from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.api.gate import JSON_BYTES_MAX
from app.main import create_app
from app.settings import Settings
from tests.support.api import Client, balance, refusal, upload

Scope = dict[str, Any]


async def test_a_stranger_s_upload_is_refused_before_any_of_it_is_read(app: FastAPI) -> None:
    sent: list[dict[str, Any]] = []
    headers = [
        (b"host", b"sixfold.test"),
        (b"content-length", str(60 * 2**20).encode()),
        (b"content-type", b"multipart/form-data; boundary=x"),
    ]
    scope: Scope = {"type": "http", "method": "POST", "path": "/api/chats", "headers": headers}

    async def receive() -> dict[str, Any]:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope | {"query_string": b"", "raw_path": b"/api/chats"}, receive, send)
    assert sent[0]["status"] == 401
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_file_above_the_limit_is_refused_by_its_announced_length(alice: Client) -> None:
    headers = {"content-length": str(60 * 2**20), "content-type": "multipart/form-data; boundary=x"}
    reply = await alice.post("/api/chats", content=b"", headers=headers)
    assert refusal(reply) == (413, "too_large")


async def test_an_upload_of_unknown_length_is_cut_at_the_limit(
    settings: Settings, redis: Any
) -> None:
    small = create_app(settings.model_copy(update={"upload_bytes_max": 10_000}))
    read = 0

    async def body() -> Any:
        nonlocal read
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        for _ in range(1000):
            read += 1
            yield b"z" * 1000

    from app.users.auth import issue_token

    token = issue_token(settings, "alice", [], ttl_s=60)
    async with (
        small.router.lifespan_context(small),
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=small), base_url="http://sixfold.test"
        ) as client,
    ):
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "multipart/form-data; boundary=x",
        }
        reply = await client.post("/api/chats", content=body(), headers=headers)
    assert refusal(reply) == (413, "too_large")
    assert read < 100


async def test_json_above_the_limit_is_refused(alice: Client) -> None:
    body = b'{"chat_id": "' + b"x" * JSON_BYTES_MAX + b'"}'
    reply = await alice.post("/api/insights/unlock", content=body)
    assert refusal(reply) == (413, "too_large")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 60_000, b"\xff\xfe", b'{"a": NaN}', b"null", b"[]", b'{"chat_id": 1e999}'],
)
async def test_a_body_that_is_no_order_is_refused(alice: Client, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    reply = await alice.post("/api/insights/unlock", content=body, headers=headers)
    assert refusal(reply) == (422, "validation_failed")


@pytest.mark.parametrize(
    "path",
    [
        "/api/chats?cursor=%00",
        "/api/chats?cursor=%ED%A0%80",
        "/api/chats/%00",
        "/api/chats/%FF",
        "/api/chats?limit=0",
        "/api/chats?limit=101",
        "/api/chats?limit=x",
        "/api/chats?cursor=nonsense",
        "/api/chats?cursor=MjAyNHw",
        "/api/credits/entries?cursor=AAAA",
        "/api/credits/entries?cursor=" + "9" * 300,
        "/api/insights/jobs?cursor=!",
    ],
)
async def test_text_and_values_that_cannot_be_are_refused(alice: Client, path: str) -> None:
    assert refusal(await alice.get(path)) == (422, "validation_failed")


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800", "\\udc00x"])
async def test_nul_and_half_characters_in_a_body_are_refused(alice: Client, text: str) -> None:
    body = f'{{"chat_id": "018f3b5e-0000-7000-8000-000000000000", "category": "{text}"}}'
    headers = {"content-type": "application/json"}
    reply = await alice.post("/api/insights/unlock", content=body.encode(), headers=headers)
    assert refusal(reply) == (422, "validation_failed")
    assert text not in reply.text


async def test_a_field_s_name_is_shown_bounded_and_its_value_never(alice: Client) -> None:
    body = b'{"' + b"k" * 5000 + b'": "secret-value", "\\ud800": 1}'
    headers = {"content-type": "application/json"}
    reply = await alice.post("/api/insights/unlock", content=body, headers=headers)
    assert refusal(reply) == (422, "validation_failed")
    assert "secret-value" not in reply.text
    assert "k" * 200 not in reply.text


async def test_an_object_with_an_impossible_id_does_not_exist(alice: Client) -> None:
    for path in ("/api/chats/1", "/api/insights/jobs/x", "/api/chats/x/insights"):
        assert refusal(await alice.get(path)) == (404, "not_found")


async def test_unknown_addresses_and_methods_are_problems_too(alice: Client) -> None:
    assert refusal(await alice.get("/api/nothing")) == (404, "not_found")
    assert refusal(await alice.get("/nothing")) == (404, "not_found")
    reply = await alice.put("/api/credits")
    assert refusal(reply) == (405, "method_not_allowed")
    assert reply.headers["allow"] == "GET"
    for path, methods in (
        ("/api/chats", "GET, POST"),
        ("/api/chats/018f3b5e-0000-7000-8000-000000000000", "DELETE, GET, PATCH"),
        ("/healthz", "GET"),
    ):
        reply = await alice.request("OPTIONS", path)
        assert refusal(reply) == (405, "method_not_allowed")
        assert reply.headers["allow"] == methods


async def test_every_answer_carries_a_request_id_and_security_headers(
    alice: Client, stranger: Client
) -> None:
    replies = [
        await alice.get("/api/credits", headers={"x-request-id": "mine-1"}),
        await stranger.get("/api/credits"),
        await stranger.get("/"),
    ]
    assert replies[0].headers["x-request-id"] == "mine-1"
    assert len({reply.headers["x-request-id"] for reply in replies}) == 3
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in reply.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert replies[0].headers["cache-control"] == "no-store"


async def test_a_request_id_that_could_forge_a_log_line_is_replaced(stranger: Client) -> None:
    reply = await stranger.get("/healthz", headers={"x-request-id": "a b"})
    assert reply.headers["x-request-id"] != "a b"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("[::1]:80", 200),
        ("a.example.org", 200),
        ("example.com", 421),
        ("127.0.0.1.example.com", 421),
        ("example.org", 421),
    ],
)
async def test_only_allowed_hosts_are_answered_for(
    settings: Settings, host: str, status: int
) -> None:
    hosts = ("127.0.0.1", "localhost", "[::1]", "*.example.org")
    app = create_app(settings.model_copy(update={"allowed_hosts": hosts}))
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
        reply = await client.get("/docs", headers={"host": host})
        probe = await client.get("/healthz", headers={"host": host})
    assert reply.status_code == status
    assert probe.status_code == 200


async def test_a_refused_upload_leaves_nothing_behind(alice: Client) -> None:
    reply = await upload(alice, b"not a chat at all, just a line of text\n")
    assert refusal(reply) == (422, "unrecognised_format")
    assert (await alice.get("/api/chats")).json()["items"] == []
    assert await balance(alice) == {"available": 50, "held": 0}
