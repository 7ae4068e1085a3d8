"""What the product consists of, from requirements.lock and app/web: a bill and its licences.

Writes dist/sbom.cdx.json (CycloneDX 1.6) and dist/licences.txt; the same locks give the same files.
Exits 1 and names each licence that is not allowed.
"""

import json
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "app/web/static/vendor"
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
VENDORED = re.compile(r"^\| (`.+`) \| `(\S+)` (\S+) \| .+ \| ([\w.-]+), `\S+` \|$", re.MULTILINE)
BSD = ("0BSD", "BSD-2-Clause", "BSD-3-Clause")
ALLOWED = {*BSD, "Apache-2.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Zlib"}
"""None asks for the source of the product; MPL-2.0 is of single files, which are unchanged."""
APACHE, MPL = "Apache Software License", "Mozilla Public License 2.0 (MPL 2.0)"
SPDX = {"Apache 2.0": "Apache-2.0", "ISC License": "ISC", "MIT License": "MIT"}
SPDX |= {APACHE: "Apache-2.0", MPL: "MPL-2.0"}
"""How packages name their licence in other words than SPDX's."""
BY_NAME = {"async-timeout": "Apache-2.0", "colorama": "BSD-3-Clause"}
BY_NAME |= {"httpx2-jsfetch": "BSD-3-Clause", "taskiq-dependencies": "MIT"}
"""Of what is installed on other platforms alone, or has its licence in a file only."""


def bill() -> dict[str, Any]:
    """The product and its components in CycloneDX's words."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    sixfold = _component(f"pkg:pypi/sixfold@{version}", "sixfold", version, "MIT")
    in_image = {name for name, _ in _pins("requirements-image.lock")}
    python = [
        _component(f"pkg:pypi/{name}@{version}", name, version, licence_of(name))
        | {"scope": "required" if name in in_image else "optional"}
        for name, version in _pins("requirements.lock")
    ]
    made = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1}
    about = {"component": sixfold | {"type": "application"}}
    return {**made, "metadata": about, "components": [*python, *_vendored()]}


def licence_of(name: str) -> str:
    """The SPDX expression of a package, by its own metadata if that has one."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return BY_NAME[name]
    classes = [one for one in found.get_all("Classifier") or [] if one.startswith("License ::")]
    told = [found.get("License-Expression"), found.get("License"), *classes, BY_NAME.get(name)]
    first = next(filter(None, told), "none").splitlines()[0].rpartition(" :: ")[2]
    return SPDX.get(first, first)


def refused(licence: str) -> set[str]:
    """The parts of an SPDX expression that are not allowed licences."""
    return set(re.split(r" AND | OR |[()]", licence)) - ALLOWED - {""}


def main() -> int:
    made, folder = bill(), ROOT / "dist"
    rows = [(one["licenses"][0]["expression"], one["purl"]) for one in made["components"]]
    folder.mkdir(exist_ok=True)
    (folder / "sbom.cdx.json").write_text(json.dumps(made, indent=2) + "\n")
    (folder / "licences.txt").write_text("".join(f"{one}\t{purl}\n" for one, purl in sorted(rows)))
    bad = "".join(f"{purl}: {one}\n" for one, purl in rows if refused(one))
    sys.stderr.write(bad or f"{len(rows)} components in {folder}, of allowed licences\n")
    return 1 if bad else 0


def _pins(lock: str) -> list[tuple[str, str]]:
    return [(canonicalize_name(one), at) for one, at in PIN.findall((ROOT / lock).read_text())]


def _vendored() -> list[dict[str, Any]]:
    hashes = [line.split() for line in (VENDOR / "hashes.sha256").read_text().splitlines()]
    made: dict[str, dict[str, Any]] = {}
    for files, name, version, licence in VENDORED.findall((VENDOR / "README.md").read_text()):
        purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
        one = made.setdefault(purl, _component(purl, name, version, licence) | {"components": []})
        one["components"] += [
            {"type": "file", "name": file, "hashes": [{"alg": "SHA-256", "content": digest}]}
            for digest, file in hashes
            if f"`{file}`" in files
        ]
    return list(made.values())


def _component(purl: str, name: str, version: str, licence: str) -> dict[str, Any]:
    told = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
    return told | {"licenses": [{"expression": licence}]}


if __name__ == "__main__":
    sys.exit(main())
