"""What is sent of a job: its cache kept warm, and no more than the model can read."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from app.catalog.categories import CATEGORIES
from app.chats.message import Message
from app.crypto import ChatKey
from app.generation.context import InsightContext
from app.generation.model.briefing import brief
from app.generation.model.generator import SHORTENINGS_MAX, ModelGenerator
from app.generation.preparation import build_context
from app.generation.protocol import GenerationFailed
from app.llm.limits import CallLimits
from app.llm.shared import Bounds
from tests.provider_stub import ProviderStub
from tests.provider_stub.answers import written
from tests.support.models import OpenGuard
from tests.support.waiting import until

FRIENDSHIP = CATEGORIES["friendship"]
START = datetime(2024, 5, 12, 14, 3, tzinfo=UTC)


@pytest.fixture
def long_context() -> InsightContext:
    messages = [
        Message(
            number,
            START + timedelta(seconds=20 * number),
            ("Ann", "Ben")[number % 2],
            f"we met at place {number} and talked about the garden, the boat and plan {number * 7}",
        )
        for number in range(1, 600)
    ]
    return build_context(messages, FRIENDSHIP)


async def write_all(
    model: ModelGenerator, context: InsightContext, limits: CallLimits | None = None
) -> None:
    job = uuid4()
    await asyncio.gather(
        *(
            model.write(spec, context, language=None, guard=OpenGuard(limits, job_id=job))
            for spec in FRIENDSHIP.insights
        )
    )


async def test_of_six_calls_five_find_their_beginning_cached(
    model: ModelGenerator, stub: ProviderStub, long_context: InsightContext
) -> None:
    stub.behaviour.prefill_s = 0.05
    stub.behaviour.latency_s = 0.1
    await write_all(model, long_context)
    assert stub.meter.under_way_max == 5
    cached = [len(sent.text) // 4 for sent in stub.received]
    assert stub.meter.cached_tokens > 0.85 * sum(cached[1:])
    assert len({sent.body["prompt_cache_key"] for sent in stub.received}) == 1


async def test_a_call_that_is_not_answered_lets_the_others_go_after_two_seconds(
    model: ModelGenerator, stub: ProviderStub, long_context: InsightContext
) -> None:
    stub.gate = asyncio.Event()
    writing = asyncio.create_task(write_all(model, long_context))
    await until(lambda: stub.meter.under_way == 6)
    stub.gate.set()
    await writing


async def test_the_day_stands_once_a_day_and_the_minute_where_it_changes(
    long_context: InsightContext,
) -> None:
    lines = brief(long_context).shared.split("Messages:\n")[1].splitlines()
    assert lines[0] == "2024-05-12"
    assert sum(line.startswith("2024-") for line in lines) == 1
    heads = [line.split(" P")[0].split(" ")[1:] for line in lines[1:-1]]
    told = [head[0] for head in heads if head]
    assert told == sorted(set(told))
    assert len(told) < len(heads) / 2


async def test_a_chat_is_briefed_once_however_many_jobs_are_in_flight(
    model: ModelGenerator, long_context: InsightContext
) -> None:
    contexts = [InsightContext(long_context.message_count, long_context.parts) for _ in range(100)]
    first = [await model.briefing(each, "mark") for each in contexts]
    again = [await model.briefing(each, "mark") for each in contexts]
    assert all(one is other for one, other in zip(first, again, strict=True))
    assert len({id(one) for one in first}) == len(contexts), "each job has a mark of its own"


@pytest.mark.parametrize(
    "text", ["hi", "", "12:30", "#7 10:15 P1: no", "a\nb\n#9 P2: c", "2024-05-12", "x: y 😀" * 90]
)
def test_the_lines_that_were_shown_are_read_from_what_is_sent(text: str) -> None:
    messages = [
        Message(number, START + timedelta(minutes=number // 3), ("Ann", "Ben")[number % 2], said)
        for number, said in enumerate(["we met at the lake", text] * 60, start=1)
    ]
    context = build_context(messages, FRIENDSHIP)
    disclosure = context.disclosure()
    lines = [head + said for head, said in zip(disclosure.heads, disclosure.texts, strict=True)]
    shown = brief(context).shown()
    assert list(shown) == disclosure.numbers
    assert list(shown.values()) == lines


def test_the_mark_is_of_the_job_and_the_chats_key_alone() -> None:
    key, job = ChatKey(b"k" * 32), uuid4()
    assert key.mark(job.bytes) == ChatKey(b"k" * 32).mark(job.bytes)
    assert key.mark(job.bytes) not in (key.mark(uuid4().bytes), ChatKey(b"l" * 32).mark(job.bytes))


async def test_a_context_that_is_too_long_is_halved_and_remembered_for_the_model(
    model: ModelGenerator, stub: ProviderStub, long_context: InsightContext
) -> None:
    stub.behaviour.context_tokens = 2_000
    first, second, *_ = FRIENDSHIP.insights
    await model.write(first, long_context, language=None, guard=OpenGuard())
    await model.write(second, long_context, language=None, guard=OpenGuard())
    whole, *halves, next_jobs = (len(sent.text) for sent in stub.received)
    assert whole > 2_000 * 4 >= halves[-1]
    assert sorted(halves, reverse=True) == halves
    assert next_jobs < 2_000 * 4


async def test_of_six_calls_in_turn_one_finds_out_how_much_fits(
    model: ModelGenerator, stub: ProviderStub, long_context: InsightContext, redis: Redis
) -> None:
    stub.behaviour.context_tokens = 2_000
    limits = CallLimits(redis, model="gpt-test", bounds=Bounds(concurrency=1))
    await write_all(model, long_context, limits)
    await limits.close()
    too_long = [sent for sent in stub.received if len(sent.text) > 2_000 * 4]
    assert list(stub.received)[: len(too_long)] == too_long
    assert len(stub.received) == len(too_long) + 6
    assert stub.meter.under_way_max == 1


async def test_an_answer_to_be_repaired_is_left_out_before_the_chat_is_shortened(
    model: ModelGenerator, stub: ProviderStub, long_context: InsightContext
) -> None:
    guard, spec = OpenGuard(), FRIENDSHIP.insights[0]
    stub.write = lambda request, fault: "no JSON " * 1_000
    with pytest.raises(GenerationFailed):
        await model.write(spec, long_context, language=None, guard=guard)
    stub.write = written
    stub.behaviour.context_tokens = len(stub.received[0].text) // 4
    await model.write(spec, long_context, language=None, guard=guard)
    first, repaired, anew = (len(sent.text) for sent in stub.received)
    assert repaired > first == anew


async def test_a_chat_of_which_too_little_fits_ends_the_job(
    model: ModelGenerator, stub: ProviderStub, long_context: InsightContext
) -> None:
    stub.behaviour.context_tokens = 50
    with pytest.raises(GenerationFailed) as failed:
        await model.write(FRIENDSHIP.insights[0], long_context, language=None, guard=OpenGuard())
    assert (failed.value.code, failed.value.is_final) == ("context_too_long", True)
    assert len(stub.received) <= SHORTENINGS_MAX


async def test_a_call_that_the_attempts_end_would_cut_is_not_begun(
    model: ModelGenerator, stub: ProviderStub, long_context: InsightContext
) -> None:
    class Late(OpenGuard):
        def leaves_time(self, call_s: float) -> bool:
            return call_s < 20

    first, second, *_ = FRIENDSHIP.insights
    await model.write(first, long_context, language=None, guard=Late())
    assert 0 < model.call_s < 20
    model.pace(200.0)
    with pytest.raises(GenerationFailed) as failed:
        await model.write(second, long_context, language=None, guard=Late())
    assert failed.value.gives_back
    assert not failed.value.was_sent
    assert stub.meter.calls == 1
