"""Every vendor's answers in the tables beside this file, through the real SDK over HTTP."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from structlog.testing import capture_logs

from app.llm.client import ModelClient
from app.llm.lenient import AsList, Numbers, Share
from app.llm.protocol import ContextTooLong, InvalidAnswer, LLMFailed, Prompt
from tests.providers.server import Exchange, TableServer

TABLES = sorted(Path(__file__).parent.glob("*.toml"))
PROMPT = Prompt("Be exact.", "#17 P1: hello\n#18 P2: hi", "Who began?", cache_key="k-1")
GOOD = '{"headline": "h", "findings": [{"claim": "c", "evidence": [17]}], "confidence": 0.5}'


class Claim(BaseModel):
    claim: str
    evidence: Numbers


class Report(BaseModel):
    headline: str = Field(min_length=1)
    findings: Annotated[list[Claim], AsList]
    confidence: Share


def cases() -> list[Any]:
    return [
        pytest.param(case, id=f"{table.stem}: {case['name']}")
        for table in TABLES
        for case in tomllib.loads(table.read_text(encoding="utf-8"))["case"]
    ]


@pytest.mark.parametrize("case", cases())
async def test_what_a_vendor_answers_has_the_consequence_in_the_table(case: dict[str, Any]) -> None:
    prompt = replace(PROMPT, shared=PROMPT.shared * case.get("prompt_times", 1))
    with capture_logs() as logs:
        async with TableServer([exchange(each) for each in case["exchange"]]) as server:
            client = ModelClient(
                model=case.get("model", "gpt-test"),
                api_key="sk-test",
                base_url=server.base_url,
                tokens_max=case.get("max_tokens", 2_000),
                timeout_s=10,
            )
            clock = [1_000.0]
            client.learnt.clock = lambda: clock[0]
            for expected in case["follows"]:
                clock[0] += expected.get("after_s", 0)
                await check(client, prompt, expected, server)
            await client.close()
    assert not server.left, "fewer calls than the table has"
    assert len(server.seen) == len(case["exchange"]), "more calls than the table has"
    for seen, told in zip(server.seen, case["exchange"], strict=True):
        for path, value in told.get("seen", {}).items():
            assert part(seen.body | {"PATH": seen.path, "HEADERS": seen.headers}, path) == value
        for path in told.get("unseen", []):
            assert part(seen.body, path) is None
    events = [line["event"] for line in logs]
    for event, count in case.get("logged", {}).items():
        assert events.count(event) == count


def exchange(told: dict[str, Any]) -> Exchange:
    return Exchange(
        told["body"].replace("GOOD", GOOD.replace('"', '\\"')),
        told.get("status", 200),
        told.get("headers", {}),
    )


async def check(
    client: ModelClient, prompt: Prompt, expected: dict[str, Any], server: TableServer
) -> None:
    """One call, and what must come of it."""
    if "failure" not in expected:
        completion = await client.complete(prompt, Report)
        assert completion.answer.headline == "h"
        usage = completion.usage
        found: dict[str, Any] = {
            "evidence": [n for one in completion.answer.findings for n in one.evidence],
            "confidence": completion.answer.confidence,
            "billed": usage.tokens_in > 0 and usage.tokens_out > 0,
            "usage": [usage.tokens_in, usage.tokens_cached, usage.tokens_out],
        }
        for name in found.keys() & expected.keys():
            assert found[name] == expected[name], name
        return
    with pytest.raises(LLMFailed) as failed:
        await client.complete(prompt, Report)
    failure = failed.value
    assert failure.code == expected["failure"]
    rejection = failure.rejection
    assert (rejection and rejection.reason) == expected.get("reason")
    if rejection is not None:
        assert rejection.host == f"127.0.0.1:{server.port}"
        assert rejection.status == expected.get("status", rejection.status)
    if "wait_s" in expected:
        assert failure.retry_after_s == pytest.approx(expected["wait_s"], abs=2)  # pyright: ignore[reportUnknownMemberType] (untyped in pytest)
    if isinstance(failure, ContextTooLong):
        assert failure.fit <= 0.5
        assert failure.tokens_max == expected.get("context", failure.tokens_max)
    if isinstance(failure, InvalidAnswer):
        assert (failure.repair is not None) == expected.get("repairs", True)
        assert "shorter" not in str(failure.repair) or expected.get("shorter", False)


def part(body: Any, path: str) -> Any:
    """What stands at `path` (`messages.0.role`); None where there is nothing."""
    for name in path.split("."):
        if isinstance(body, list):
            body = body[int(name)] if int(name) < len(body) else None  # pyright: ignore[reportUnknownArgumentType] (JSON)
        else:
            body = body.get(name) if isinstance(body, dict) else None
    return body
