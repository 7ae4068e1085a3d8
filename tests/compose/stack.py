"""compose.yaml as Compose would understand it: read, and its variables put in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "compose.yaml"

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?::(?P<how>[-?])(?P<other>[^}]*))?\})")
DURATION = re.compile(r"(\d+)(s|m)")

Service = dict[str, Any]


def services(variables: Mapping[str, str] | None = None) -> dict[str, Service]:
    """The services by name; with `variables`, with those put in."""
    content = YAML(typ="safe").load(COMPOSE)
    found = content["services"]
    return found if variables is None else _interpolated(found, variables)


def environment_of(service: Service, variables: Mapping[str, str]) -> dict[str, str]:
    """What a container gets: a name without a value is passed on if it is set."""
    given = {
        name: variables.get(name) if value is None else value
        for name, value in service.get("environment", {}).items()
    }
    return {name: value for name, value in given.items() if value is not None}


def seconds(duration: str) -> int:
    """`1m30s` and the like."""
    parts = DURATION.findall(duration)
    assert "".join(number + unit for number, unit in parts) == duration, duration
    return sum(int(number) * {"s": 1, "m": 60}[unit] for number, unit in parts)


def option(command: list[str], name: str) -> str:
    """The value of a command's option."""
    return command[command.index(name) + 1]


def _interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolated(one, variables) for key, one in value.items()}
    if isinstance(value, list):
        return [_interpolated(one, variables) for one in value]
    if not isinstance(value, str):
        return value

    def put_in(found: re.Match[str]) -> str:
        name, how, other = found["name"], found["how"], found["other"]
        if name is None:
            return "$"
        if variables.get(name):
            return variables[name]
        if how == "?":
            raise KeyError(f"{name}: {other}")
        return other or ""

    return VARIABLE.sub(put_in, value)
