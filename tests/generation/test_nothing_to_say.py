"""A model that finds nothing says so, and is believed; one that answers rubbish is asked again."""

import json
from typing import Any

import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.content import InsightContent, NothingToSay
from app.generation.context import InsightContext
from app.generation.model.answer import InsightAnswer
from app.generation.model.generator import ModelGenerator
from app.generation.preparation import build_context
from app.generation.protocol import GenerationFailed
from app.llm.answers import AnswerUnusable, read_answer, strict_schema
from tests.provider_stub import ProviderStub
from tests.support.chats import friends
from tests.support.models import attempt, call

FRIENDSHIP = CATEGORIES["friendship"]
WRITTEN: dict[str, Any] = {
    "headline": "P1 writes most",
    "summary": "P1 writes most.",
    "findings": [{"claim": "P2 began.", "evidence": [1]}],
    "confidence": 0.7,
}
NOTHING: dict[str, Any] = {"headline": "", "summary": "", "findings": [], "confidence": 0}
REASON = "P1 and P2 never speak of plans."


@pytest.fixture
def context() -> InsightContext:
    return build_context(friends(), FRIENDSHIP)


@pytest.mark.parametrize(
    "answer",
    [
        {"nothing_to_say": REASON},
        NOTHING | {"nothing_to_say": REASON},
        {"headline": None, "summary": None, "findings": [], "nothing_to_say": REASON},
        {"headline": "None", "summary": "s", "findings": [], "nothing_to_say": REASON},
    ],
    ids=["alone", "strict", "nulls", "with a headline"],
)
async def test_a_model_may_say_that_there_is_nothing_to_say(
    model: ModelGenerator, stub: ProviderStub, context: InsightContext, answer: dict[str, Any]
) -> None:
    stub.write = lambda request, fault: json.dumps(answer)
    draft = await attempt(model).write(FRIENDSHIP.insights[0], context)
    assert draft.content == NothingToSay(
        code="nothing_found", text="Ben and Ana never speak of plans."
    )
    assert draft.cost_microusd > 0
    assert stub.meter.calls == 1


@pytest.mark.parametrize("filler", ["", " ", "none", "N/A", "null", None, "No.", "-"])
async def test_a_field_that_is_left_out_says_nothing_about_the_findings(
    model: ModelGenerator, stub: ProviderStub, context: InsightContext, filler: str | None
) -> None:
    stub.write = lambda request, fault: json.dumps(WRITTEN | {"nothing_to_say": filler})
    draft = await attempt(model).write(FRIENDSHIP.insights[0], context)
    assert isinstance(draft.content, InsightContent)


async def test_findings_count_more_than_a_reason_beside_them(
    model: ModelGenerator, stub: ProviderStub, context: InsightContext
) -> None:
    stub.write = lambda request, fault: json.dumps(WRITTEN | {"nothing_to_say": REASON})
    draft = await attempt(model).write(FRIENDSHIP.insights[0], context)
    assert isinstance(draft.content, InsightContent)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({}, "headline is missing or empty"),
        (NOTHING, "headline is missing or empty"),
        (NOTHING | {"nothing_to_say": "n/a"}, "headline is missing or empty"),
        (WRITTEN | {"findings": []}, "findings is missing or empty"),
        ({key: WRITTEN[key] for key in ("headline", "summary", "findings")}, "confidence"),
        ({"claim": "P2 began.", "evidence": [1]}, "headline is missing or empty"),
    ],
)
def test_rubbish_is_no_honest_nothing(answer: dict[str, Any], problem: str) -> None:
    with pytest.raises(AnswerUnusable, match=problem):
        read_answer(json.dumps(answer), InsightAnswer)


async def test_a_model_that_found_nothing_to_cite_is_told_how_to_say_so_and_is_believed(
    model: ModelGenerator, stub: ProviderStub, context: InsightContext
) -> None:
    answers = iter(
        [
            WRITTEN | {"findings": [{"claim": "P1 began.", "evidence": [10_000_000]}]},
            {"nothing_to_say": REASON},
        ]
    )
    stub.write = lambda request, fault: json.dumps(next(answers))
    writer = attempt(model)
    first = await call(writer, context)
    assert isinstance(first, GenerationFailed)
    assert first.code == "evidence_missing"
    draft = await writer.write(FRIENDSHIP.insights[0], context)
    assert isinstance(draft.content, NothingToSay)
    assert "nothing_to_say" in stub.received[-1].body["messages"][-1]["content"]


async def test_a_reason_is_bounded_and_holds_no_control_characters(
    model: ModelGenerator, stub: ProviderStub, context: InsightContext
) -> None:
    stub.write = lambda request, fault: json.dumps({"nothing_to_say": "\x00 P1\x07 " + "so " * 300})
    draft = await attempt(model).write(FRIENDSHIP.insights[0], context)
    assert isinstance(draft.content, NothingToSay)
    assert draft.content.text.startswith("Ben so so")
    assert len(draft.content.text) <= 300


def test_the_schema_that_providers_enforce_has_a_place_for_it() -> None:
    schema = strict_schema(InsightAnswer)
    assert schema["properties"]["nothing_to_say"]["type"] == "string"
    assert set(schema["required"]) == set(schema["properties"])
