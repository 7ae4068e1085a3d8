"""The provider client over real HTTP, through the real SDK."""

import asyncio
import json

import pytest
from pydantic import BaseModel, Field

from app.llm.bodies import BODY_BYTES_MAX
from app.llm.client import ModelClient
from app.llm.protocol import InvalidAnswer, LLMFailed, Outgoing, Repair, Usage
from tests.llm.asking import KEY, PROMPT, MakeModel
from tests.provider_stub import Fault, ProviderStub


class Claim(BaseModel):
    claim: str
    evidence: list[int]


class Report(BaseModel):
    headline: str = Field(min_length=1)
    summary: str
    findings: list[Claim]
    confidence: float = Field(ge=0, le=1)


async def failure(model: ModelClient) -> LLMFailed:
    with pytest.raises(LLMFailed) as failed:
        await model.complete(PROMPT, Report)
    return failed.value


async def test_an_answer_comes_typed_with_its_usage(stub: ProviderStub, model: ModelClient) -> None:
    stub.behaviour.cached_share = 0.5
    await model.complete(PROMPT, Report)
    completion = await model.complete(PROMPT, Report)
    assert completion.answer.findings[0].evidence == [1, 2]
    assert completion.model == "gpt-test-stub"
    sent = stub.received[-1]
    tokens_in = len(sent.text) // 4
    assert completion.usage == Usage(tokens_in, tokens_in // 2, 120)
    assert sent.headers["authorization"] == f"Bearer {KEY}"


async def test_the_shared_part_stands_before_the_question_and_the_schema_is_strict(
    stub: ProviderStub, model: ModelClient
) -> None:
    await model.complete(PROMPT, Report)
    body = stub.received[-1].body
    system, user = body["messages"]
    assert system == {"role": "system", "content": PROMPT.system}
    assert user["content"].startswith(PROMPT.shared)
    assert user["content"].endswith(PROMPT.question)
    assert "tools" not in body
    assert body["max_tokens"] == 2_000
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["headline", "summary", "findings", "confidence"]
    assert schema["additionalProperties"] is False
    claim = schema["properties"]["findings"]["items"]
    assert claim["required"] == ["claim", "evidence"]
    assert "$" not in json.dumps(schema)
    assert "minLength" not in json.dumps(schema)


@pytest.mark.parametrize(
    ("fault", "code", "is_outage", "is_final"),
    [
        (Fault.RATE_LIMITED, "rate_limited", False, False),
        (Fault.QUOTA, "provider_rejected", True, False),
        (Fault.ERROR, "provider_unavailable", True, False),
        (Fault.UNAVAILABLE, "provider_unavailable", True, False),
        (Fault.UNAUTHORIZED, "provider_rejected", True, False),
        (Fault.CUT, "provider_unavailable", True, False),
        (Fault.CUT_BODY, "provider_unavailable", True, False),
        (Fault.NOT_JSON, "provider_unavailable", True, False),
        (Fault.EMPTY, "provider_unavailable", True, False),
        (Fault.BAD_REQUEST, "bad_request", False, True),
        (Fault.REFUSED, "refused", False, True),
    ],
)
async def test_each_failure_has_a_code_and_is_not_tried_again_by_the_client(
    stub: ProviderStub,
    model: ModelClient,
    fault: Fault,
    code: str,
    is_outage: bool,
    is_final: bool,
) -> None:
    stub.behaviour.plan([fault])
    failed = await failure(model)
    assert (failed.code, failed.is_outage, failed.is_final) == (code, is_outage, is_final)
    assert stub.meter.calls == 1
    await model.complete(PROMPT, Report)  # The client is as good as new.


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.SLOW_BODY])
async def test_the_deadline_holds_for_silence_and_for_a_dribbling_body(
    stub: ProviderStub, make_model: MakeModel, fault: Fault
) -> None:
    stub.behaviour.plan([fault])
    failed = await failure(make_model(timeout_s=0.3))
    assert (failed.code, failed.is_outage) == ("provider_timeout", True)


async def test_of_a_body_that_does_not_end_only_so_much_is_read(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.behaviour.plan([Fault.ENDLESS_BODY])
    failed = await failure(model)
    # Not an outage: what one chat makes a model write must not open the circuit for all others.
    assert (failed.code, failed.is_outage, failed.is_final) == ("invalid_answer", False, False)
    # What lies between the two, in the buffers of their sockets, is the system's.
    assert BODY_BYTES_MAX < stub.meter.endless_bytes < 8 * BODY_BYTES_MAX
    await model.complete(PROMPT, Report)


async def test_a_small_body_that_would_unfold_into_a_large_one_is_not_unfolded(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.behaviour.plan([Fault.COMPRESSED])
    assert (await failure(model)).code == "invalid_answer"
    assert stub.received[-1].headers["accept-encoding"] == "identity"
    await model.complete(PROMPT, Report)


async def test_what_is_sent_is_noted_word_for_word_before_it_is(
    stub: ProviderStub, model: ModelClient
) -> None:
    noted: list[Outgoing] = []

    async def note(outgoing: Outgoing, _shared: str) -> None:
        assert stub.meter.calls == len(noted)
        noted.append(outgoing)

    stub.behaviour.supports_schema = False
    await model.complete(PROMPT, Report, note=note)
    sent = [received.body["messages"] for received in stub.received]
    told = [[{"role": m.role, "content": m.content} for m in one.messages] for one in noted]
    assert told == sent
    assert told[0] != told[1]  # The second had to spell out the form.
    assert {(one.provider, one.model) for one in noted} == {(f"127.0.0.1:{stub.port}", "gpt-test")}


async def test_what_cannot_be_noted_is_not_sent(stub: ProviderStub, model: ModelClient) -> None:
    async def refuse(_outgoing: Outgoing, _shared: str) -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await model.complete(PROMPT, Report, note=refuse)
    assert stub.meter.calls == 0


async def test_nobody_there_is_an_outage(make_model: MakeModel) -> None:
    failed = await failure(make_model(base_url="http://127.0.0.1:9/v1"))
    assert (failed.code, failed.is_outage) == ("provider_unavailable", True)


async def test_the_wait_a_provider_asks_for_is_passed_on(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.behaviour.retry_after_s = 2.5
    stub.behaviour.plan([Fault.RATE_LIMITED])
    assert (await failure(model)).retry_after_s == 2.5


@pytest.mark.parametrize(
    ("fault", "problem"), [(Fault.INVALID, "headline"), (Fault.TRUNCATED, "cut off")]
)
async def test_an_unusable_answer_is_shown_to_the_model_with_what_is_wrong(
    stub: ProviderStub, model: ModelClient, fault: Fault, problem: str
) -> None:
    stub.behaviour.plan([fault])
    failed = await failure(model)
    assert isinstance(failed, InvalidAnswer)
    assert (failed.code, failed.usage.tokens_out) == ("invalid_answer", 120)
    assert failed.repair is not None
    assert problem in failed.repair.problem

    repairing = type(PROMPT)(PROMPT.system, PROMPT.shared, PROMPT.question, failed.repair)
    await model.complete(repairing, Report)
    messages = stub.received[-1].body["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[2]["content"] == failed.repair.answer
    assert failed.repair.problem in messages[3]["content"]


async def test_a_problem_shown_to_the_model_quotes_nothing_it_wrote(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.write = lambda request, fault: '{"headline": 5, "secret": "from the chat"}'
    failed = await failure(model)
    assert isinstance(failed, InvalidAnswer)
    assert isinstance(failed.repair, Repair)
    assert "from the chat" not in failed.repair.problem
    assert "from the chat" not in str(failed)


@pytest.mark.parametrize("text", ["```json\n%s\n```", "Here it is:\n%s\nAnything else?"])
async def test_an_answer_may_stand_in_a_fence_or_between_words(
    stub: ProviderStub, model: ModelClient, text: str
) -> None:
    plain = {"headline": "h", "summary": "s", "findings": [], "confidence": 0.5}
    stub.write = lambda request, fault: text % json.dumps(plain)
    assert (await model.complete(PROMPT, Report)).answer.headline == "h"


async def test_a_server_without_schemas_is_asked_for_json_and_then_for_text_for_ever_after(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.behaviour.supports_schema = stub.behaviour.supports_json = False
    await model.complete(PROMPT, Report)
    await model.complete(PROMPT, Report)
    assert stub.meter.calls == 4
    last = stub.received[-1].body
    assert "response_format" not in last
    assert '"headline"' in last["messages"][1]["content"]
    assert last["messages"][1]["content"].startswith(PROMPT.shared)


async def test_six_calls_refused_at_once_step_down_once(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.behaviour.supports_schema = False
    await asyncio.gather(*(model.complete(PROMPT, Report) for _ in range(6)))
    assert stub.meter.calls == 12
    assert stub.received[-1].body["response_format"] == {"type": "json_object"}


async def test_a_server_that_wants_the_newer_name_of_the_limit_gets_it(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.behaviour.tokens_parameter = "max_completion_tokens"
    await model.complete(PROMPT, Report)
    assert stub.received[-1].body["max_completion_tokens"] == 2_000


async def test_connections_are_kept_and_never_more_than_the_concurrency(
    stub: ProviderStub, make_model: MakeModel
) -> None:
    model = make_model(concurrency=4)
    stub.behaviour.latency_s = 0.01
    await asyncio.gather(*(model.complete(PROMPT, Report) for _ in range(24)))
    assert stub.meter.under_way_max <= 4
    assert stub.meter.connections <= 4


async def test_neither_the_key_nor_content_is_in_a_failure(
    stub: ProviderStub, model: ModelClient
) -> None:
    stub.behaviour.plan([Fault.UNAUTHORIZED])
    failed = await failure(model)
    assert failed.__cause__ is None
    assert failed.__suppress_context__
    assert KEY not in repr(failed)
    assert KEY not in repr(model)
