"""A model that says what a script tells it to."""

from collections.abc import Callable, Iterable

from pydantic import BaseModel

from app.llm.answers import AnswerUnusable, read_answer
from app.llm.messages import messages_of
from app.llm.protocol import (
    AnswerT,
    Completion,
    InvalidAnswer,
    LLMFailed,
    Note,
    Outgoing,
    Prompt,
    Repair,
    Usage,
)

Reply = str | BaseModel | LLMFailed
"""The text of an answer, an answer in its form, or a failure."""
Script = Callable[[Prompt], Reply] | Iterable[Reply]
PROVIDER = "scripted"
CHARS_A_TOKEN = 4


class Scripted:
    """Answers each prompt by a function, or with the next of a list; remembers the prompts.

    A list that has come to its end is a mistake of its author: RuntimeError.
    """

    def __init__(self, script: Script, *, name: str = "scripted-1") -> None:
        self._name = name
        self._reply = script if callable(script) else _one_by_one(script)
        self.prompts: list[Prompt] = []

    @property
    def name(self) -> str:
        return self._name

    def tokens(self, estimated: float) -> int:
        return round(estimated)

    def caches_from(self) -> int | None:
        """It caches nothing."""
        return None

    async def complete(
        self,
        prompt: Prompt,
        form: type[AnswerT],
        *,
        note: Note | None = None,
        answering: Callable[[], None] | None = None,
    ) -> Completion[AnswerT]:
        """The scripted answer, checked and counted as a provider's would be. Raises LLMFailed."""
        if note is not None:
            await note(Outgoing(PROVIDER, self._name, messages_of(prompt, form)), prompt.shared)
        self.prompts.append(prompt)
        reply = self._reply(prompt)
        if answering is not None:
            answering()
        if isinstance(reply, LLMFailed):
            raise reply
        text = reply if isinstance(reply, str) else reply.model_dump_json()
        usage = Usage(
            tokens_in=prompt.chars // CHARS_A_TOKEN, tokens_out=len(text) // CHARS_A_TOKEN
        )
        try:
            return Completion(read_answer(text, form), text, self._name, usage)
        except AnswerUnusable as problem:
            raise InvalidAnswer(usage=usage, repair=Repair(text, str(problem))) from None

    async def close(self) -> None:
        """Has nothing to close."""


def _one_by_one(replies: Iterable[Reply]) -> Callable[[Prompt], Reply]:
    left = iter(replies)

    def reply(_prompt: Prompt) -> Reply:
        try:
            return next(left)
        except StopIteration:
            raise RuntimeError("the script has no answer left") from None

    return reply
