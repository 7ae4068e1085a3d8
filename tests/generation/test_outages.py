"""Whatever a provider is away for, and however few calls meet it, no job pays with an attempt."""

import json
import random

import pytest

from app.catalog.categories import CATEGORIES
from app.generation.context import InsightContext
from app.generation.model.generator import UNANSWERED_WAIT_S
from app.generation.preparation import build_context
from app.generation.protocol import Draft, GenerationFailed
from app.jobs.attempt import CALLS_MAX, call_backoff_s
from app.llm.breaker import OPEN_MAX_S, Breaker
from app.llm.protocol import LLMFailed, Prompt
from tests.support.jobs import small_chat
from tests.support.models import MakeModel, attempt, call, refused
from tests.support.scripted_llm import Reply, Scripted

SPECS = CATEGORIES["friendship"].insights
OUTAGE_S = 600
EXPIRES_S = 3_600
GOOD = json.dumps(
    {
        "headline": "h",
        "summary": "s",
        "findings": [{"claim": "c", "evidence": [1]}],
        "confidence": 0.5,
    }
)
DOWN = LLMFailed("provider_unavailable", is_outage=True)
SLOW = LLMFailed("provider_timeout", is_outage=True)
BUSY = LLMFailed("rate_limited", retry_after_s=0.0)


@pytest.fixture
def context() -> InsightContext:
    return build_context(small_chat(), CATEGORIES["friendship"])


@pytest.mark.parametrize(
    ("met", "given_back"),
    [
        ([DOWN, DOWN, DOWN], [False, False, True]),
        ([BUSY, BUSY, BUSY], [False, False, True]),
        ([DOWN, BUSY, DOWN], [False, False, True]),
        ([SLOW, SLOW], [False, True]),
        ([DOWN, SLOW], [False, True]),
        (["no", DOWN, DOWN], [False, False, False]),
    ],
    ids=["down", "busy", "both", "slow", "down, then slow", "answered once"],
)
async def test_one_insight_left_over_gives_back_an_attempt_that_met_an_outage(
    make_model: MakeModel, context: InsightContext, met: list[Reply], given_back: list[bool]
) -> None:
    """Its calls are too few to open the circuit of a process that was just started."""
    model = make_model(Scripted(met))
    writer = attempt(model)
    told = [await refused(writer, context) for _ in met]
    assert [failure.gives_back for failure in told] == given_back
    assert all(failure.was_sent for failure in told)
    assert not model.breaker.is_open
    if given_back[-1]:
        assert (told[-1].retry_after_s or 0) >= UNANSWERED_WAIT_S


async def test_a_prompt_that_fails_while_others_are_answered_is_counted(
    make_model: MakeModel, context: InsightContext
) -> None:
    first = f"{SPECS[0].title}."
    model = make_model(Scripted(lambda prompt: DOWN if first in prompt.question else GOOD))
    writer = attempt(model)
    for _ in range(CALLS_MAX):
        assert not (await refused(writer, context)).gives_back
        assert isinstance(await call(attempt(model), context, spec=1), Draft)


@pytest.mark.parametrize("seed", range(5))
async def test_ten_minutes_of_outage_fit_into_an_hour_and_burn_no_attempt(
    make_model: MakeModel, context: InsightContext, seed: int
) -> None:
    """The schedule of one insight that is left over, wandering between three workers."""
    drawn, now, probes = random.Random(seed), 0.0, 0

    def reply(_prompt: Prompt) -> Reply:
        nonlocal probes
        probes += 1
        return DOWN if now < OUTAGE_S else GOOD

    workers = [make_model(Scripted(reply), breaker=Breaker(clock=lambda: now)) for _ in range(3)]
    while True:
        writer, calls = attempt(drawn.choice(workers)), 0
        told = await call(writer, context)
        while isinstance(told, GenerationFailed) and not told.gives_back:
            calls += 1
            assert calls < CALLS_MAX, "an attempt was burned"
            now += call_backoff_s(calls, told.retry_after_s)
            told = await call(writer, context)
        if isinstance(told, Draft):
            break
        now += told.retry_after_s or 0
    assert OUTAGE_S <= now < OUTAGE_S + 2 * OPEN_MAX_S < EXPIRES_S
    assert probes < 100


async def test_an_hour_of_outage_is_probed_no_more_than_once_a_minute_in_the_end(
    make_model: MakeModel, context: InsightContext
) -> None:
    now, asked = 0.0, list[float]()

    def reply(_prompt: Prompt) -> Reply:
        asked.append(now)
        return DOWN

    model = make_model(Scripted(reply), breaker=Breaker(clock=lambda: now))
    while now < EXPIRES_S:
        told = await refused(attempt(model), context)
        now += told.retry_after_s or 1
    late = [at for at in asked if at > OUTAGE_S]
    assert len(late) <= (EXPIRES_S - OUTAGE_S) / OPEN_MAX_S + 1
