"""Whether the locks still fit pyproject.toml: quick and offline. Exits 1 with what does not."""

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
    ]
    embedded, dev, bench = extras["embedded"], extras["dev"], extras["bench"]
    problems = [
        *_unmet(wanted, "requirements-image.lock"),
        *_unmet([*wanted, *embedded], "requirements.lock"),
        *_unmet([*wanted, *embedded, *dev], "requirements-dev.lock"),
        *_unmet([*wanted, *embedded, *bench], "requirements-bench.lock"),
        *_missing("requirements-image.lock", of="requirements.lock"),
        *_missing("requirements.lock", of="requirements-dev.lock"),
        *_missing("requirements.lock", of="requirements-bench.lock"),
        *_differing("requirements-bench.lock", "requirements-dev.lock"),
    ]
    for problem in problems:
        sys.stderr.write(f"{problem}; run `make lock`\n")
    return 1 if problems else 0


def _pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text()
    return {canonicalize_name(name): version for name, version in PIN.findall(text)}


def _missing(part: str, *, of: str) -> list[str]:
    """What the lock `of` must hold at the same version, as `part` does."""
    pins = _pins(of)
    return [
        f"{name} {version}: {of} has {pins.get(name, 'none')}"
        for name, version in _pins(part).items()
        if pins.get(name) != version
    ]


def _differing(one: str, other: str) -> list[str]:
    """What both locks hold, at two versions: they are installed into one environment."""
    pins = _pins(other)
    return [
        f"{name} {version}: {other} has {pins[name]}"
        for name, version in _pins(one).items()
        if pins.get(name, version) != version
    ]


def _unmet(wanted: list[str], lock: str) -> list[str]:
    pins = _pins(lock)
    return [
        f"{requirement}: {lock} has {pins.get(canonicalize_name(requirement.name), 'none')}"
        for requirement in map(Requirement, wanted)
        if not requirement.specifier.contains(
            pins.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
        or canonicalize_name(requirement.name) not in pins
    ]


if __name__ == "__main__":
    sys.exit(main())
