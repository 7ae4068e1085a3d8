"""The form an answer must have: told to the provider as a JSON schema, checked by pydantic."""

import re
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from app.llm.protocol import AnswerT

ANSWER_CHARS_MAX = 60_000
PROBLEMS_MAX = 6
_KEPT = frozenset(
    {"type", "properties", "items", "enum", "const", "anyOf", "$ref", "$defs", "description"}
)
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class AnswerUnusable(Exception):
    """The text is no answer in the form asked for; its message may be shown to the model."""


@cache
def strict_schema(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of `form` in the subset that providers enforce.

    Every property is required and no other is allowed; bounds (which some providers refuse) are
    left out, since `read_answer` checks them.
    """
    return cast("dict[str, Any]", _strict(form.model_json_schema()))


def read_answer(text: str, form: type[AnswerT]) -> AnswerT:
    """The answer in `text`, which may stand in a fence or between words. Raises AnswerUnusable."""
    if len(text) > ANSWER_CHARS_MAX:
        raise AnswerUnusable("The answer is far too long.")
    found = _OBJECT.search(text)
    if found is None:
        raise AnswerUnusable("There is no JSON object in the answer.")
    try:
        return form.model_validate_json(found[0])
    except ValidationError as error:
        raise AnswerUnusable(_problems(error)) from None  # Its cause would quote the answer.


def _problems(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    lines = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'answer'}: {problem['msg']}"
        for problem in found[:PROBLEMS_MAX]
    ]
    return "\n".join(lines)


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("dict[str, Any]", node)
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    for name in ("properties", "$defs"):
        if name in kept:
            kept[name] = {key: _strict(value) for key, value in kept[name].items()}
    for name in ("items", "anyOf"):
        if name in kept:
            kept[name] = _strict(kept[name])
    if kept.get("type") == "object":
        kept["required"] = list(kept.get("properties", {}))
        kept["additionalProperties"] = False
    return kept
