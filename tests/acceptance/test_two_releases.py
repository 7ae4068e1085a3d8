"""Expand and contract: the code before the newest migration works beside today's, on its tables."""

import io
import sysconfig
import tarfile
import venv
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from app.api.health import code_revision
from app.local.embedded.data_dir import free_port
from app.settings import Settings
from app.users.auth import issue_token
from tests.support.history import git
from tests.support.processes import (
    DEADLINE_S,
    ROOT,
    VENV,
    Client,
    Processes,
    assert_healthy,
    until_ready,
    worker,
)

RELEASED = ("app", "workers", "migrations", "alembic.ini", "samples")


def commit_before_the_newest_migration() -> str:
    """The last commit without it; HEAD while it is not committed."""
    newest = f"migrations/versions/{code_revision()}_*.py"
    added = git("log", "--diff-filter=A", "--format=%H", "--", newest).decode().split()
    return f"{added[-1]}^" if added else "HEAD"


@pytest.fixture(scope="module")
def release_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree of that commit."""
    archive = git("archive", commit_before_the_newest_migration(), *RELEASED)
    tree = tmp_path_factory.mktemp("release-before")
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(tree, filter="data")
    _make_environment(tree)
    return tree


def _make_environment(tree: Path) -> None:
    """An environment of the tree's own, with the packages of this one but for the product."""
    venv.create(tree / VENV, symlinks=True)
    [own] = (tree / VENV).glob("lib/python*/site-packages")
    packages = sysconfig.get_path("purelib")
    (own / "release.pth").write_text(f"{tree}\n{packages}\n")


def assert_same(one: Any, other: Any) -> None:
    """Equal but for fields that one of them has added; none is another's for one of its own."""
    match one, other:
        case dict(), dict():
            both = one.keys() & other.keys()
            assert len(both) == min(len(one), len(other))
            for name in both:
                assert_same(one[name], other[name])
        case list(), list():
            assert len(one) == len(other)
            for first, second in zip(one, other, strict=True):
                assert_same(first, second)
        case _:
            assert one == other


async def as_upgraded(database_url: str) -> None:
    """What no process of the release before may be left for has not been done."""
    connection = await asyncpg.connect(database_url)
    await connection.execute("DELETE FROM contractions")
    await connection.close()


@asynccontextmanager
async def api_of(tree: Path, processes: Processes) -> AsyncIterator[httpx2.AsyncClient]:
    port = free_port()
    processes.start("-m", "app.cli", "serve", "--port", str(port), tree=tree)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S) as http:
        await until_ready(http)
        yield http


def test_the_release_before_lacks_the_newest_migration(release_before: Path) -> None:
    """Else the test below proves nothing."""
    found = {path.name.partition("_")[0] for path in release_before.glob("migrations/versions/0*")}
    assert found
    assert max(found) < code_revision()


@pytest.mark.parametrize("upgraded_first", ["worker", "API"])
async def test_two_releases_serve_one_database(
    upgraded_first: str,
    release_before: Path,
    processes: Processes,
    settings: Settings,
    environment: dict[str, str],
) -> None:
    """Chats, keys and jobs of one are as good to the other; going back is the second row."""
    await as_upgraded(settings.database_url)
    api_tree, worker_tree = (
        (release_before, ROOT) if upgraded_first == "worker" else (ROOT, release_before)
    )
    running = processes.start(*worker(), tree=worker_tree)
    token = issue_token(settings, "alice", (), 600)
    async with (
        api_of(api_tree, processes) as http,
        api_of(worker_tree, processes) as other_http,
    ):
        alice, other = Client(http, token), Client(other_http, token)
        chat = await alice.upload()
        job = await alice.unlock(chat["id"], key="once")
        assert await other.unlock(chat["id"], key="once") == job
        done = await alice.finished(job)
        assert (done["state"], done["progress"]["completed"]) == ("succeeded", 6)
        seen = await other.finished(job)
        assert_same(done, seen)
        assert await alice.charges() == [50]
    assert processes.terminate(running) == 0
    for tree in (ROOT, release_before):
        await assert_healthy(environment, tree=tree)
