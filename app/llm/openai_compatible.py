"""Models behind the chat-completions protocol: OpenAI's own, and the many that speak it too."""

import asyncio
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai
import orjson
import structlog

from app.llm.answers import AnswerUnusable, read_answer, strict_schema
from app.llm.bodies import bound_body
from app.llm.failures import failure_of
from app.llm.messages import Format, messages_of
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

OPENAI_URL = "https://api.openai.com/v1"
CONNECT_TIMEOUT_S = 5.0
KEPT_ALIVE_S = 60.0
REPAIR_CHARS_MAX = 12_000
"""Of an unusable answer, so much is shown to the model again."""
_FORMAT_WORDS = ("response_format", "json_schema", "json_object", "structured", "schema")
_UNKNOWN = ("unsupported", "unrecognized", "unknown", "not supported", "not permitted")
_OTHER_LIMIT = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}

log = structlog.get_logger()


class OpenAICompatible:
    """One model at one address. One client a process: its connections are kept alive.

    What a server turns out not to support (enforced schemas, the newer name of a parameter) is
    remembered until the process ends.
    """

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
        self._tokens_max = tokens_max
        self._format = Format.JSON_SCHEMA
        # Only some servers know the newer name, only some of OpenAI's models the older one.
        self._tokens_parameter = "max_completion_tokens" if base_url is None else "max_tokens"
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or OPENAI_URL,  # Else the SDK would look into the environment.
            max_retries=0,  # Retries are counted and billed by the job's own rule.
            # httpx2's own pool looks at every idle connection on every call: 2 ms at sixty.
            http_client=openai.DefaultAioHttpClient(
                follow_redirects=False,
                # An answer is short, and what is not compressed cannot unfold into gigabytes.
                headers={"Accept-Encoding": "identity"},
                event_hooks={"response": [bound_body]},
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

    async def close(self) -> None:
        """Closes its connections."""
        await self._client.close()

    async def complete(
        self, prompt: Prompt, form: type[AnswerT], *, note: Note | None = None
    ) -> Completion[AnswerT]:
        """One call within the deadline, connecting and a slow body included. Raises LLMFailed."""
        asked, limit = self._format, self._tokens_parameter
        messages = messages_of(prompt, form, asked)
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": one.role, "content": one.content} for one in messages],
            limit: self._tokens_max,
        }
        if asked is not Format.PLAIN:
            request["response_format"] = _response_format(form, asked)
        if note is not None:
            await note(Outgoing(self._host, self._model, messages))
        try:
            async with asyncio.timeout(self._timeout_s):
                told = await self._post(request, asked, limit)
        except TimeoutError:
            raise LLMFailed("provider_timeout", is_outage=True) from None
        return _completion(told, form, model=self._model)

    async def _post(self, request: dict[str, Any], asked: Format, limit: str) -> dict[str, Any]:
        try:
            # Not `chat.completions.create`, which walks through all of the prompt for typed
            # parameters, and builds a model of the answer without checking it.
            response = await self._client.post(
                "/chat/completions",
                cast_to=httpx2.Response,
                content=orjson.dumps(request),
                options={"headers": {"Content-Type": "application/json"}},
            )
            told: Any = orjson.loads(response.content)
        except openai.OpenAIError as error:
            if self._learn(error, asked, limit):
                raise LLMFailed("provider_adapted", retry_after_s=0.0) from None
            raise failure_of(error) from None  # Its text may quote the prompt.
        except (httpx2.HTTPError, ValueError):
            raise LLMFailed("provider_unavailable", is_outage=True) from None
        return cast("dict[str, Any]", told) if isinstance(told, dict) else {}

    def _learn(self, error: openai.OpenAIError, asked: Format, limit: str) -> bool:
        """Whether a feature was refused, not the prompt; the next call does without it.

        Of six calls at once that are refused, the first changes what is asked.
        """
        if not isinstance(error, openai.APIStatusError) or error.status_code not in (400, 422):
            return False
        said = f"{error.param} {error.message}".lower()
        if limit in said and any(word in said for word in _UNKNOWN):
            if self._tokens_parameter == limit:
                self._tokens_parameter = _OTHER_LIMIT[limit]
            return True
        if asked is Format.PLAIN or not any(word in said for word in _FORMAT_WORDS):
            return False
        if self._format is asked:
            self._format = Format(asked + 1)
            log.warning("llm.format_unsupported", format=asked.name, model=self._model)
        return True


def _response_format(form: type[AnswerT], asked: Format) -> dict[str, Any]:
    if asked is Format.JSON_OBJECT:
        return {"type": "json_object"}
    schema = {"name": form.__name__, "strict": True, "schema": strict_schema(form)}
    return {"type": "json_schema", "json_schema": schema}


def _completion(told: dict[str, Any], form: type[AnswerT], *, model: str) -> Completion[AnswerT]:
    """What the provider told, checked. Raises LLMFailed."""
    usage = _usage(told)
    choice = _first(told.get("choices"))
    message = _object(choice.get("message"))
    if not message:
        raise LLMFailed("provider_unavailable", is_outage=True, usage=usage)
    reason = choice.get("finish_reason")
    if reason == "content_filter" or message.get("refusal"):
        raise LLMFailed("refused", is_final=True, usage=usage)
    content = message.get("content")
    text = content if isinstance(content, str) else ""
    try:
        if reason == "length":
            raise AnswerUnusable("It was cut off because it was too long. Be much shorter.")
        answer = read_answer(text, form)
    except AnswerUnusable as problem:
        repair = Repair(text[:REPAIR_CHARS_MAX], str(problem))
        raise InvalidAnswer(usage=usage, repair=repair) from None
    named = told.get("model")
    return Completion(answer, text, named if isinstance(named, str) and named else model, usage)


def _usage(told: dict[str, Any]) -> Usage:
    counted = _object(told.get("usage"))
    details = _object(counted.get("prompt_tokens_details"))
    tokens_in = _count(counted.get("prompt_tokens"))
    return Usage(
        tokens_in=tokens_in,
        tokens_cached=min(_count(details.get("cached_tokens")), tokens_in),
        tokens_out=_count(counted.get("completion_tokens")),
    )


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _first(value: object) -> dict[str, Any]:
    return _object(cast("list[object]", value)[0]) if isinstance(value, list) and value else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0
