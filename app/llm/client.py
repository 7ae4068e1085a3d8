"""A client of one model behind HTTP, of any provider: see `dialects.py`."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai
import orjson

from app.llm.answers import AnswerUnusable, is_only_thought, read_answer
from app.llm.bodies import bound_body
from app.llm.dialects import Ask, Reply
from app.llm.failures import failure_of, refusal_of
from app.llm.learnt import learnt_for
from app.llm.messages import messages_of
from app.llm.protocol import (
    AnswerT,
    Completion,
    ContextTooLong,
    InvalidAnswer,
    LLMFailed,
    Note,
    Outgoing,
    Prompt,
    Repair,
    Usage,
)
from app.llm.shapes import first_of
from app.llm.streams import body_of
from app.llm.tokens import estimated_tokens, shared_tokens
from app.llm.told import told_by
from app.llm.usage import thought_tokens

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_S = 5.0
KEPT_ALIVE_S = 60.0
ADAPTATIONS_MAX = 6
"""Of one call: none of them is billed."""
REPAIR_CHARS_MAX = 12_000
"""Of an unusable answer, so much is shown to the model again."""
_REFUSED = ("content_filter", "refusal", "safety", "prohibited", "sensitive", "blocklist")
_BROKEN = ("error", "insufficient_system_resource", "network_error", "malformed")

_answering: ContextVar[Callable[[], None] | None] = ContextVar("answering", default=None)


class ModelClient:
    """One model at one address. One client a process: its connections are kept alive."""

    def __init__(
        self,
        *,
        model: str,
        api_key: str,
        base_url: str | None = None,
        concurrency: int = 60,
        timeout_s: float = 45.0,
        tokens_max: int = 2_000,
    ) -> None:
        self._model = model
        self._host = urlsplit(base_url or OPENAI_URL).netloc.rpartition("@")[2]
        self._timeout_s = timeout_s
        self._api_key = api_key
        self.learnt = learnt_for(model=model, tokens_max=tokens_max, base_url=base_url)
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or OPENAI_URL,  # Else the SDK would look into the environment.
            max_retries=0,  # Retries are counted and billed by the job's own rule.
            # httpx2's own pool looks at every idle connection on every call: 2 ms at sixty.
            http_client=openai.DefaultAioHttpClient(
                follow_redirects=False,
                # An answer is short, and what is not compressed cannot unfold into gigabytes.
                headers={"Accept-Encoding": "identity"},
                event_hooks={"response": [_tell_answering, bound_body]},
                limits=httpx2.Limits(
                    max_connections=concurrency,
                    max_keepalive_connections=concurrency,
                    keepalive_expiry=KEPT_ALIVE_S,
                ),
                timeout=httpx2.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s)),
            ),
        )

    @property
    def name(self) -> str:
        return self._model

    @property
    def host(self) -> str:
        return self._host

    def tokens(self, estimated: float) -> int:
        """Corrected by what was billed before."""
        return self.learnt.tokens.tokens(estimated)

    def caches_from(self) -> int | None:
        """By its family; None once calls that should have met a cache did not."""
        return None if self.learnt.caches is False else self.learnt.cached_tokens_min

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    async def complete(
        self,
        prompt: Prompt,
        form: type[AnswerT],
        *,
        note: Note | None = None,
        answering: Callable[[], None] | None = None,
    ) -> Completion[AnswerT]:
        """One call within the deadline, connecting and a slow body included. Raises LLMFailed.

        What is learnt from a refusal (enforced schemas, names of parameters, roles) is used at
        once, in the same call, and remembered.
        """
        _answering.set(answering)
        is_expected = self.learnt.expects_cached(prompt.cache_key)
        try:
            async with asyncio.timeout(self._timeout_s):
                ask, told = await self._adapted(prompt, form, note)
        except TimeoutError:
            raise LLMFailed("provider_timeout", is_outage=True) from None
        completion = self._completion(prompt, ask, told, form)
        if prompt.cache_key is not None:
            self.learnt.met(prompt.cache_key, completion.usage, is_expected=is_expected)
        return completion

    async def _adapted(
        self, prompt: Prompt, form: type[AnswerT], note: Note | None
    ) -> tuple[Ask, dict[str, Any]]:
        for _ in range(ADAPTATIONS_MAX):
            ask = self._ask(prompt, form)
            try:
                return ask, await self._post(ask, prompt, note)
            except _Adapted:
                continue
        ask = self._ask(prompt, form)
        try:
            return ask, await self._post(ask, prompt, note)
        except _Adapted as adapted:
            raise adapted.failure from None

    def _ask(self, prompt: Prompt, form: type[AnswerT]) -> Ask:
        learnt = self.learnt
        asked = learnt.format_now()
        return Ask(
            learnt.dialect,
            self._model,
            messages_of(prompt, form, asked, merged=learnt.merges_system),
            form,
            asked,
            learnt.limit_name,
            learnt.tokens_max,
            extras=learnt.extras(prompt.cache_key),
        )

    async def _post(self, ask: Ask, prompt: Prompt, note: Note | None) -> dict[str, Any]:
        dialect = ask.dialect
        body = orjson.dumps(dialect.request(ask))
        if note is not None:
            await note(Outgoing(self._host, self._model, ask.messages), prompt.shared)
        headers = {"Content-Type": "application/json", **dialect.headers(self._api_key)}
        try:
            # Not `chat.completions.create`, which walks through all of the prompt for typed
            # parameters, and builds a model of the answer without checking it.
            response = await self._client.post(
                dialect.path, cast_to=httpx2.Response, content=body, options={"headers": headers}
            )
            told: Any = body_of(response.content)
        except openai.APIStatusError as error:
            raise self._refused(error.response, error.status_code, ask) from None
        except openai.OpenAIError as error:
            raise failure_of(error, host=self._host) from None  # Its text may quote the prompt.
        except (httpx2.HTTPError, ValueError):
            raise LLMFailed("provider_unavailable", is_outage=True) from None
        answer = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
        if _is_error(answer) or not dialect.reply(answer).is_whole:
            raise self._refused(response, response.status_code, ask)
        self.learnt.meet(response.headers, answer)
        return answer

    def _refused(self, response: httpx2.Response, status: int, ask: Ask) -> Exception:
        """What follows from an error; also from one that came as an answer, with status 200."""
        told = told_by(response.content, status)
        self.learnt.meet(response.headers, told.body)
        failure = refusal_of(told, response.headers, host=self._host)
        if isinstance(failure, ContextTooLong):
            self.learnt.context_tokens = failure.tokens_max
        return _Adapted(failure) if self.learnt.adapt(told, ask) else failure

    def _completion(
        self, prompt: Prompt, ask: Ask, told: dict[str, Any], form: type[AnswerT]
    ) -> Completion[AnswerT]:
        """What the provider told, checked. Raises LLMFailed."""
        reply = ask.dialect.reply(told)
        usage = self._usage(prompt, ask, reply)
        if reply.reason.startswith(_BROKEN):
            raise LLMFailed("provider_unavailable", is_outage=True, usage=usage)
        if reply.refusal or reply.reason.startswith(_REFUSED):
            raise LLMFailed("refused", is_final=True, usage=usage)
        if reply.reason == "length" and _is_all_thought(reply, told, usage):
            if self.learnt.raise_limit(ask):
                raise LLMFailed("answer_cut", retry_after_s=0.0, usage=usage)
            raise InvalidAnswer(usage=usage, repair=None)
        try:
            answer = _read(reply, form)
        except AnswerUnusable as problem:
            repair = Repair(reply.text[:REPAIR_CHARS_MAX], str(problem))
            raise InvalidAnswer(usage=usage, repair=repair) from None
        text = reply.text or reply.thought
        return Completion(answer, text, reply.model or self._model, usage)

    def _usage(self, prompt: Prompt, ask: Ask, reply: Reply) -> Usage:
        own = [one.own for one in ask.messages]
        if self.learnt.merges_system:
            own.append(prompt.system)
        estimated = shared_tokens(prompt) + sum(map(estimated_tokens, own))
        answer = estimated_tokens(reply.text) + estimated_tokens(reply.thought)
        return self.learnt.count(reply.usage, estimated=estimated, answer=answer)


@dataclass
class _Adapted(Exception):
    """Something was refused that the next call does without; `failure`, had it not been."""

    failure: LLMFailed


def _read(reply: Reply, form: type[AnswerT]) -> AnswerT:
    """The answer; where nothing was said, from the thought. Raises AnswerUnusable."""
    if reply.text.strip() or not reply.thought:
        if reply.reason != "length":
            return read_answer(reply.text, form)
        raise AnswerUnusable("It was cut off because it was too long. Be much shorter.")
    return read_answer(reply.thought, form)


def _is_all_thought(reply: Reply, told: dict[str, Any], usage: Usage) -> bool:
    """Whether thought, not a long answer, has used the room up."""
    return is_only_thought(reply.text) or thought_tokens(told) > usage.tokens_out // 2


def _is_error(answer: dict[str, Any]) -> bool:
    """Whether an answer with status 200 is none."""
    return bool(answer.get("error") or first_of(answer.get("choices")).get("error"))


async def _tell_answering(_response: httpx2.Response) -> None:
    """The head of an answer has come."""
    answering = _answering.get()
    if answering is not None:
        answering()
