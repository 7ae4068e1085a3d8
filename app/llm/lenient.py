"""Fields of an answer that models write in several ways and mean the same by."""

import re
from typing import Annotated, cast

import orjson
from pydantic import BeforeValidator, Field

NUMBERS_MAX = 200
_NUMBER = re.compile(r"\d{1,9}")
_RANGE = re.compile(r"#?(\d{1,9})\s*(?:-|–|to)\s*#?(\d{1,9})")
_RANGE_MAX = 20
_PERCENT = re.compile(r"\s*(\d+(?:[.,]\d+)?)\s*(%|/\s*100)?\s*")
_WORDS = {"very high": 0.9, "high": 0.8, "medium": 0.5, "moderate": 0.5, "low": 0.2}


def _numbers(told: object) -> object:
    """`17`, `"#17"`, `"17, 18"`, `"#17–#19"`, `{"number": 17}`, alone or in a list."""
    parts = cast("list[object]", told) if isinstance(told, list) else [told]
    found: list[object] = []
    for part in parts[: NUMBERS_MAX + 1]:
        if isinstance(part, dict):
            found += [each for each in cast("dict[str, object]", part).values() if _whole(each)][:1]
        elif isinstance(part, str):
            found += _in_text(part)
        else:
            found.append(part)
    return found


def _in_text(told: str) -> list[int]:
    spans = _RANGE.fullmatch(told.strip())
    if spans is not None and 0 <= int(spans[2]) - int(spans[1]) < _RANGE_MAX:
        return list(range(int(spans[1]), int(spans[2]) + 1))
    return [int(each) for each in _NUMBER.findall(told)][:NUMBERS_MAX]


def _listed(told: object) -> object:
    """`[{…}]`, also written as `{…}`, `{"1": {…}}`, or a text of either."""
    if isinstance(told, str) and told.lstrip()[:1] in ("[", "{"):
        try:
            told = orjson.loads(told)
        except ValueError:
            return told
    if not isinstance(told, dict):
        return told
    one = cast("dict[str, object]", told)
    values = list(one.values())
    return values if all(isinstance(value, dict) for value in values) else [one]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _share(told: object) -> object:
    """`0.85`, `85`, `"85%"`, `"high"`."""
    if isinstance(told, str):
        if told.strip().lower() in _WORDS:
            return _WORDS[told.strip().lower()]
        percent = _PERCENT.fullmatch(told)
        if percent is None:
            return told
        number = float(percent[1].replace(",", "."))
        return number / 100 if percent[2] or number > 10 else number
    if isinstance(told, int | float) and not isinstance(told, bool) and 10 < told <= 100:
        return told / 100  # Of what is between, 7 may be of ten or of a hundred.
    return told


Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_share)]
"""From 0 to 1, also written as a percentage or a word."""
AsList = BeforeValidator(_listed)
"""Of a list of objects."""
Numbers = Annotated[list[int], Field(max_length=NUMBERS_MAX), BeforeValidator(_numbers)]
"""Numbers of messages, also written as they stand in a prompt (`#17`)."""
