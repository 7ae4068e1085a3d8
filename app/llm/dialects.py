"""How servers are spoken to: one small class a vendor family, chosen by what the server answers.

What they have in common, chat completions, stands in the first; the others say what differs.
What a server refuses of it is learnt apart, in `learnt.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, cast

import orjson
from pydantic import BaseModel

from app.llm.answers import strict_schema
from app.llm.messages import Format
from app.llm.protocol import Message, Usage
from app.llm.shapes import Json, first_of, object_of
from app.llm.usage import usage_of

_THOUGHT = ("reasoning_content", "reasoning", "thinking", "reasoning_details")


@dataclass(frozen=True, slots=True)
class Ask:
    """One call, before it is put into a dialect.

    `extras` are parameters a server may not know, by their names.
    """

    dialect: "type[Dialect]"
    model: str
    messages: tuple[Message, ...]
    form: type[BaseModel]
    format: Format
    limit_name: str
    tokens_max: int
    extras: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a provider answered. `reason` is why it stopped, in the words of chat completions."""

    text: str
    thought: str
    reason: str
    refusal: bool
    model: str
    usage: Usage | None
    is_whole: bool = True
    """False for an answer that holds no message at all."""


class Dialect:
    """Chat completions as OpenAI defined them and most servers speak them."""

    name: ClassVar[str] = "chat completions"
    path: ClassVar[str] = "/chat/completions"
    limit_name: ClassVar[str] = "max_tokens"
    formats: ClassVar[tuple[Format, ...]] = tuple(Format)
    extras: ClassVar[frozenset[str]] = frozenset({"prompt_cache_key", "reasoning_effort"})
    """Optional parameters it may know; what a server refuses is left out from then on."""
    cached_tokens_min: ClassVar[int] = 1024
    """A shorter beginning is not cached."""
    headers_seen: ClassVar[tuple[str, ...]] = ()
    """Beginnings of names of headers by which the family is known."""
    keys_seen: ClassVar[tuple[str, ...]] = ()
    """Names in an answer, or in its usage, by which the family is known."""
    words_seen: ClassVar[str] = ""
    """Words of a refusal by which the family is known, in lower case."""
    takes_schema_in_object: ClassVar[bool] = False
    """Whether a schema is enforced beside `json_object`, not as `json_schema`."""
    keeps_bounds: ClassVar[bool] = False
    """Whether a schema may hold bounds of lengths."""

    @classmethod
    def headers(cls, _api_key: str) -> dict[str, str]:
        """Beside those of the SDK."""
        return {}

    @classmethod
    def request(cls, ask: Ask) -> Json:
        """The body of `ask`."""
        body: Json = {
            "model": ask.model,
            "messages": [{"role": one.role, "content": one.content} for one in ask.messages],
            ask.limit_name: ask.tokens_max,
            **(ask.extras or {}),
        }
        if ask.format is Format.JSON_SCHEMA:
            schema = {"name": ask.form.__name__, "strict": True, "schema": cls._schema(ask)}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif ask.format is Format.JSON_OBJECT:
            enforced = {"schema": cls._schema(ask)} if cls.takes_schema_in_object else {}
            body["response_format"] = {"type": "json_object", **enforced}
        return body

    @classmethod
    def _schema(cls, ask: Ask) -> Json:
        return strict_schema(ask.form, is_bounded=cls.keeps_bounds)

    @classmethod
    def reply(cls, told: Json) -> Reply:
        """What `told`, the body of an answer, says."""
        choice = first_of(told.get("choices"))
        message = object_of(choice.get("message"))
        called = object_of(first_of(message.get("tool_calls")).get("function"))
        called = called or object_of(message.get("function_call"))
        said = _text(message.get("content")) or _text(called.get("arguments"))
        thought = (_text(message.get(name)) for name in _THOUGHT)
        return Reply(
            said or _text(message.get("parsed")) or _text(choice.get("text")),
            next((each for each in thought if each), ""),
            str(choice.get("finish_reason") or "").lower(),
            bool(message.get("refusal") or first_of(message.get("content")).get("refusal")),
            _text(told.get("model")),
            usage_of(told),
            is_whole=bool(message) or "text" in choice,
        )


class OpenAI(Dialect):
    name = "OpenAI"
    limit_name = "max_completion_tokens"
    headers_seen = ("openai-organization", "openai-version", "openai-project")


class LlamaCppPython(Dialect):
    """llama-cpp-python: it sends one of OpenAI's headers, and has a schema of its own way."""

    name = "llama-cpp-python"
    cached_tokens_min = 256
    takes_schema_in_object = keeps_bounds = True
    headers_seen = ("openai-processing-ms",)
    words_seen = "/llama_cpp/server/"


class Google(Dialect):
    name = "Google"
    extras = frozenset({"reasoning_effort"})
    cached_tokens_min = 2048
    headers_seen = ("x-gemini-", "x-goog-")


class Mistral(Dialect):
    name = "Mistral"
    extras = frozenset[str]()
    headers_seen = ("mistral-",)


class DeepSeek(Dialect):
    name = "DeepSeek"
    extras = frozenset[str]()
    cached_tokens_min = 64
    headers_seen = ("x-ds-",)
    keys_seen = ("prompt_cache_hit_tokens",)


class Groq(Dialect):
    name = "Groq"
    extras = frozenset({"reasoning_effort"})
    headers_seen = ("x-groq-",)
    keys_seen = ("x_groq",)


class LlamaCpp(Dialect):
    name = "llama.cpp"
    cached_tokens_min = 256
    keeps_bounds = True
    keys_seen = ("timings",)


class VLLM(Dialect):
    name = "vLLM"
    cached_tokens_min = 256
    keys_seen = ("kv_transfer_params", "prompt_logprobs")


class Gateway(Dialect):
    """LiteLLM, OpenRouter and the like: what stands behind them may change from call to call."""

    name = "gateway"
    headers_seen = ("x-litellm-", "llm_provider-", "x-portkey-", "cf-aig-", "x-generation-id")


class Anthropic(Dialect):
    """Anthropic's own Messages: only there can the part to be cached be told."""

    name = "Anthropic Messages"
    path = "/messages"
    formats = (Format.JSON_SCHEMA, Format.PLAIN)
    extras = frozenset[str]()
    headers_seen = ("anthropic-",)
    _REASONS: ClassVar[Mapping[str, str]] = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "content_filter",
    }

    @classmethod
    def headers(cls, api_key: str) -> dict[str, str]:
        return {"x-api-key": api_key, "anthropic-version": "2023-06-01"}

    @classmethod
    def request(cls, ask: Ask) -> Json:
        body: Json = {"model": ask.model, "max_tokens": ask.tokens_max}
        system = [one.content for one in ask.messages if one.role == "system"]
        if system:
            body["system"] = [_block(text) for text in system]
        turns = [one for one in ask.messages if one.role != "system"]
        body["messages"] = [{"role": one.role, "content": [_block(one.content)]} for one in turns]
        first = turns[0]
        if first.shared:
            shared = _block(first.shared) | {"cache_control": {"type": "ephemeral"}}
            body["messages"][0]["content"] = [shared, _block(first.own)]
        if ask.format is Format.JSON_SCHEMA:
            form = {"type": "json_schema", "schema": strict_schema(ask.form)}
            body["output_config"] = {"format": form}
        return body

    @classmethod
    def reply(cls, told: Json) -> Reply:
        parts = told.get("content")
        reason = _text(told.get("stop_reason"))
        return Reply(
            _text(parts),
            "",
            cls._REASONS.get(reason, reason),
            False,
            _text(told.get("model")),
            usage_of(told),
            is_whole=isinstance(parts, list),
        )


FAMILIES: tuple[type[Dialect], ...] = (
    Gateway,  # First: it hands on the headers of those behind it.
    Anthropic,
    OpenAI,
    LlamaCppPython,  # After OpenAI, who sends the header too.
    Google,
    Mistral,
    DeepSeek,
    Groq,
    LlamaCpp,
    VLLM,
)


def family_of(headers: Mapping[str, str], told: object) -> type[Dialect] | None:
    """The family that an answer is of; None when it gives no sign."""
    names = [name.lower() for name in headers]
    body = object_of(told)
    keys = {*body, *object_of(body.get("usage"))}
    said = str(object_of(body.get("error")).get("message")).lower()
    for family in FAMILIES:
        if any(name.startswith(family.headers_seen) for name in names if family.headers_seen):
            return family
        if not keys.isdisjoint(family.keys_seen):
            return family
        if family.words_seen and family.words_seen in said:
            return family
    if body.get("type") == "error" and "error" in body:
        return Anthropic
    return None


def _block(text: str) -> Json:
    return {"type": "text", "text": text}


def _text(value: object) -> str:
    """Text, also as a list of parts; parts of thought are left out. JSON that was read already is
    written again."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return orjson.dumps(cast("Json", value)).decode()
    if not isinstance(value, list):
        return ""
    parts = (_part(each) for each in cast("list[object]", value))
    return "".join(parts)


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    told = object_of(part)
    if told.get("type") in ("thinking", "reasoning", "redacted_thinking"):
        return ""
    text = told.get("text")
    return text if isinstance(text, str) else ""
