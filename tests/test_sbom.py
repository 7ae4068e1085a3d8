"""The bill of materials is the locks and the page, and every licence in it is allowed."""

import hashlib
import json
import re
import subprocess
import sys

import pytest

from ops.sbom import ALLOWED, ROOT, VENDOR, bill, main, refused


def components() -> dict[str, dict]:
    made = bill()["components"]
    found = {one["purl"]: one for one in made}
    assert len(found) == len(made)
    return found


def pins(lock: str) -> set[str]:
    """What a lock holds, by its own lines: each begins with a name and has hashes below it."""
    lines = (ROOT / lock).read_text().splitlines()
    named = [line.split() for line in lines if line and line[0] not in " #"]
    return {"pkg:pypi/" + re.sub(r"[._]", "-", words[0]).lower() for words in named}


def without_dots(purl: str) -> str:
    name, _, version = purl.removeprefix("pkg:pypi/").partition("@")
    return "pkg:pypi/" + re.sub(r"[._]", "-", f"{name}=={version}").lower()


def test_the_bill_is_the_lock_and_says_what_the_image_holds() -> None:
    python = {purl: one for purl, one in components().items() if purl.startswith("pkg:pypi/")}
    assert {without_dots(purl) for purl in python} == pins("requirements.lock")
    required = {without_dots(purl) for purl, one in python.items() if one["scope"] == "required"}
    assert required == pins("requirements-image.lock")


def test_the_bill_has_every_script_of_others_with_its_hash() -> None:
    page = [one for purl, one in components().items() if purl.startswith("pkg:npm/")]
    files = {part["name"]: part["hashes"] for one in page for part in one["components"]}
    vendored = [path for path in VENDOR.iterdir() if path.suffix in {".js", ".css"}]
    assert files == {
        path.name: [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]
        for path in vendored
    }
    documented = (ROOT / "docs/dependencies.md").read_text()
    for one in page:
        row = rf"^\| `{one['name']}` \| .+ \| (.+) \| {one['version']} \|$"
        assert re.findall(row, documented, re.MULTILINE) == [one["licenses"][0]["expression"]]


def test_every_licence_is_allowed() -> None:
    licences = {purl: one["licenses"][0]["expression"] for purl, one in components().items()}
    assert {purl: one for purl, one in licences.items() if refused(one)} == {}


@pytest.mark.parametrize(
    ("licence", "parts"),
    [
        ("MIT", set()),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", set()),
        ("GPL-3.0-only", {"GPL-3.0-only"}),
        ("MIT AND LGPL-3.0-or-later", {"LGPL-3.0-or-later"}),
        ("none", {"none"}),
        ("Dual License", {"Dual License"}),
    ],
)
def test_another_licence_is_refused(licence: str, parts: set[str]) -> None:
    assert refused(licence) == parts
    assert not any("GPL" in one for one in ALLOWED)


def test_one_command_writes_both_and_twice_the_same() -> None:
    command = [sys.executable, ROOT / "ops/sbom.py"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    written = (ROOT / "dist/sbom.cdx.json").read_text()
    assert json.loads(written) == bill()
    assert main() == 0
    assert (ROOT / "dist/sbom.cdx.json").read_text() == written
    lines = (ROOT / "dist/licences.txt").read_text().splitlines()
    assert {line.split("\t")[1] for line in lines} == set(components())
