"""Has half of the requests that fit the description ask for objects that are there."""

import json
import os
import random
from typing import Any

import schemathesis
from schemathesis.generation import GenerationMode

IDS = "CONTRACT_IDS"
"""The environment variable that names the file with the ids: `{"chat_id": […], "job_id": […]}`,
and under `"DELETE"` those that may go."""

_ids: dict[str, Any] = {}
_chance = random.Random(1)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: dict[str, Any]) -> None:
    meta = case.meta
    if meta is None or meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if not _ids:
        with open(os.environ[IDS], encoding="utf-8") as file:
            _ids.update(json.load(file))
    there = _ids["DELETE"] if case.operation.method.upper() == "DELETE" else _ids
    places = [case.path_parameters, case.body if isinstance(case.body, dict) else None]
    for values in filter(None, places):
        for name in values.keys() & there.keys():
            if _chance.random() < 0.5:
                values[name] = _chance.choice(there[name])
