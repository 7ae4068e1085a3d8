import asyncio

from app.generation.model.rounds import Round

SIX = "abcdef"


async def test_one_goes_first_and_the_others_at_its_first_byte() -> None:
    calls, gone = Round(), list[str]()

    async def go(insight: str) -> None:
        await calls.take_turn(insight)
        gone.append(insight)

    waiting = [asyncio.create_task(go(insight)) for insight in SIX]
    await asyncio.sleep(0)
    assert gone == ["a"]
    calls.warm()
    await asyncio.gather(*waiting)
    assert sorted(gone) == list(SIX)


async def test_six_unusable_answers_for_one_reason_are_hopeless() -> None:
    calls = Round()
    for insight in SIX:
        calls.begin(insight)
    told = await asyncio.gather(*(calls.is_hopeless(insight, "no JSON") for insight in SIX))
    assert told == [True] * 6


async def test_one_usable_answer_lets_the_others_repair() -> None:
    calls = Round()
    for insight in SIX:
        calls.begin(insight)
    waiting = [asyncio.create_task(calls.is_hopeless(each, "no JSON")) for each in SIX[:5]]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    calls.end("f", is_usable=True)
    assert await asyncio.gather(*waiting) == [False] * 5


async def test_different_reasons_are_not_hopeless() -> None:
    calls = Round()
    for insight in SIX:
        calls.begin(insight)
    told = await asyncio.gather(*(calls.is_hopeless(each, f"{each} is missing") for each in SIX))
    assert told == [False] * 6


async def test_one_insight_that_is_left_over_is_repaired_until_the_sixth_answer() -> None:
    calls = Round()
    calls.begin("a")
    assert [await calls.is_hopeless("a", "no JSON") for _ in range(6)] == [False] * 5 + [True]
