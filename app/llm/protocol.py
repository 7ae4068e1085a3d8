"""What Sixfold asks of a language model, independent of its provider."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

AnswerT = TypeVar("AnswerT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Repair:
    """An answer that could not be used, and why: shown to the model once."""

    answer: str
    problem: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent. `shared` is the same in several prompts and comes first.

    Providers cache prompts by their beginning: what differs (the question, a repair) comes last.
    """

    system: str
    shared: str
    question: str
    repair: Repair | None = None
    cache_key: str | None = None
    """The same for prompts that share their beginning; says nothing of what they hold."""
    shared_tokens: float | None = None
    """`app.llm.tokens.estimated_tokens` of `shared`, where they were counted before."""

    @property
    def chars(self) -> int:
        repair = len(self.repair.answer) + len(self.repair.problem) if self.repair else 0
        return len(self.system) + len(self.shared) + len(self.question) + repair


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of what is sent; `role` is system, user or assistant.

    What it begins with may be `shared` by several prompts: a hundred kilobytes, held once.
    """

    role: str
    own: str
    shared: str = ""

    @property
    def content(self) -> str:
        return self.shared + self.own


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One call as it leaves the process: to whom (a host), which model, and every message."""

    provider: str
    model: str
    messages: tuple[Message, ...]


Note = Callable[[Outgoing, str], Awaitable[None]]
"""Gets what is to be sent, and the text in it that several prompts share."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a call as the provider counted them; `tokens_cached` are part of `tokens_in`."""

    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(frozen=True, slots=True)
class Completion(Generic[AnswerT]):
    """A valid answer; `text` is what the model wrote, `model` the name the provider gives."""

    answer: AnswerT
    text: str
    model: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refusal that only a human can mend: `reason` is a cause of `causes.py`."""

    reason: str
    status: int
    host: str


class LLMFailed(Exception):
    """A call came to nothing for a foreseeable reason; `code` is stable.

    `retry_after_s` is the wait the provider asked for. `is_final`: the same prompt would fail
    again. `is_outage`: the provider, not the prompt, is at fault. `rejection`: it takes a human.
    Messages hold no content.
    """

    def __init__(
        self,
        code: str,
        *,
        retry_after_s: float | None = None,
        is_final: bool = False,
        is_outage: bool = False,
        usage: Usage | None = None,
        rejection: Rejection | None = None,
    ) -> None:
        self.code = code
        self.retry_after_s = retry_after_s
        self.is_final = is_final
        self.is_outage = is_outage
        self.usage = usage or Usage()
        self.rejection = rejection
        self.status: int | None = None
        """Of the HTTP answer that said so, if there was one."""
        super().__init__(code)


class ContextTooLong(LLMFailed):
    """The prompt is longer than the model's context; a `fit` of it, at most a half, may do."""

    def __init__(self, *, fit: float, tokens_max: int | None) -> None:
        super().__init__("context_too_long", retry_after_s=0.0)
        self.fit = fit
        self.tokens_max = tokens_max


class InvalidAnswer(LLMFailed):
    """The model answered, but not as asked; `repair` shows it why."""

    def __init__(self, *, usage: Usage, repair: Repair | None) -> None:
        super().__init__("invalid_answer", retry_after_s=0.0, usage=usage)
        self.repair = repair


class LLM(Protocol):
    """A language model that answers in a given form."""

    @property
    def name(self) -> str:
        """The model that is asked for."""
        ...

    def tokens(self, estimated: float) -> int:
        """About how many tokens of this model `app.llm.tokens.estimated_tokens` of a text are."""
        ...

    def caches_from(self) -> int | None:
        """How long the beginning of a prompt must be, in tokens, to be cached; None: none is."""
        ...

    async def complete(
        self,
        prompt: Prompt,
        form: type[AnswerT],
        *,
        note: Note | None = None,
        answering: Callable[[], None] | None = None,
    ) -> Completion[AnswerT]:
        """One call, without retries, within a deadline. Raises LLMFailed.

        What a server refuses of the way it was asked, not of the prompt, is asked otherwise at
        once. `note` is awaited with what is to be sent just before it is; what it raises is
        raised here, and then nothing is sent. `answering` is called at the first byte of an
        answer.
        """
        ...

    async def close(self) -> None:
        """Closes its connections."""
        ...
