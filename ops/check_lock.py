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
        *extras["embedded"],
    ]
    runtime, dev = _pins("requirements.lock"), _pins("requirements-dev.lock")
    problems = [
        *_unmet(wanted, runtime, "requirements.lock"),
        *_unmet([*wanted, *extras["dev"]], dev, "requirements-dev.lock"),
        *(
            f"{name} {version}: requirements-dev.lock has {dev.get(name, 'none')}"
            for name, version in runtime.items()
            if dev.get(name) != version
        ),
    ]
    for problem in problems:
        sys.stderr.write(f"{problem}; run `make lock`\n")
    return 1 if problems else 0


def _pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text()
    return {canonicalize_name(name): version for name, version in PIN.findall(text)}


def _unmet(wanted: list[str], pins: dict[str, str], lock: str) -> list[str]:
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
