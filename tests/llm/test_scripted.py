import pytest
from pydantic import BaseModel

from app.llm.protocol import LLM, InvalidAnswer, LLMFailed, Outgoing, Prompt
from tests.support.scripted_llm import Scripted


class Word(BaseModel):
    word: str


FIRST, SECOND = Prompt("s", "chat", "one?"), Prompt("s", "chat", "two?")


async def test_a_list_is_answered_in_order_and_the_prompts_are_remembered() -> None:
    llm = Scripted([Word(word="a"), '{"word": "b"}'])
    as_protocol: LLM = llm
    first = await as_protocol.complete(FIRST, Word)
    second = await as_protocol.complete(SECOND, Word)
    assert (first.answer.word, second.answer.word) == ("a", "b")
    assert llm.prompts == [FIRST, SECOND]
    assert first.usage.tokens_in > 0
    with pytest.raises(RuntimeError):
        await llm.complete(FIRST, Word)
    await llm.close()


async def test_a_function_answers_by_the_prompt_and_may_fail() -> None:
    outage = LLMFailed("provider_unavailable", is_outage=True)
    llm = Scripted(lambda prompt: outage if prompt is FIRST else Word(word=prompt.question))
    with pytest.raises(LLMFailed) as failed:
        await llm.complete(FIRST, Word)
    assert failed.value is outage
    assert (await llm.complete(SECOND, Word)).answer.word == "two?"


async def test_an_answer_in_another_form_is_refused_as_a_provider_s_would_be() -> None:
    with pytest.raises(InvalidAnswer) as failed:
        await Scripted(["no"]).complete(FIRST, Word)
    assert failed.value.repair is not None
    assert failed.value.repair.answer == "no"


async def test_what_would_be_sent_is_noted_and_a_refusal_keeps_it_back() -> None:
    noted: list[Outgoing] = []

    async def note(outgoing: Outgoing, shared: str) -> None:
        assert shared == FIRST.shared
        noted.append(outgoing)
        raise LookupError

    llm = Scripted([])
    with pytest.raises(LookupError):
        await llm.complete(FIRST, Word, note=note)
    assert [message.role for message in noted[0].messages] == ["system", "user"]
    assert noted[0].messages[1].content == "chat\n\none?"
    assert llm.prompts == []
