"""The commands of the README and of docs/walk.md, run as they are written."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2

from tests.support.processes import ROOT, Processes, worker

WALKED = re.compile(
    r"^<!-- walk -->\n```sh\n(.*?)^```\n(?:```\n(.*?)^```)?", re.MULTILINE | re.DOTALL
)
WRITTEN_URL = "http://127.0.0.1:8000"
END_OF_BLOCK = "=== end of block ==="
DEADLINE_S = 120


async def printed(
    blocks: list[str], api: httpx2.AsyncClient, environment: dict[str, str], home: Path
) -> list[str]:
    """What each block prints, all of them in one shell, in a checkout with this `.venv`."""
    for name in ("samples", "migrations", "alembic.ini"):
        (home / name).symlink_to(ROOT / name)
    (home / ".venv").mkdir()
    (home / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    script = f"\necho '{END_OF_BLOCK}'\n".join(blocks).replace(
        WRITTEN_URL, str(api.base_url).rstrip("/")
    )
    shell = await asyncio.create_subprocess_exec(
        *("sh", "-eu", "-c", script),
        cwd=home,
        env=environment | {"PATH": os.environ["PATH"]},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        output, _ = await shell.communicate()
    assert shell.returncode == 0
    return output.decode().split(f"{END_OF_BLOCK}\n")


def fragments(expected: str) -> Iterator[str]:
    """What must be printed, in this order: lines, cut where they leave something out."""
    for line in expected.splitlines():
        yield from filter(None, (part.strip() for part in line.split("…")))


def assert_in_order(parts: Iterator[str], text: str) -> None:
    at = 0
    for part in parts:
        found = text.find(part, at)
        assert found >= 0, f"{part!r} is not in {text[at : at + 2_000]!r}"
        at = found + len(part)


async def test_the_walk_prints_what_its_page_says(
    api: httpx2.AsyncClient, processes: Processes, environment: dict[str, str], tmp_path: Path
) -> None:
    processes.start(*worker())
    walked = WALKED.findall((ROOT / "docs/walk.md").read_text(encoding="utf-8"))
    assert len(walked) == 6
    outputs = await printed([commands for commands, _ in walked], api, environment, tmp_path)
    for (_, expected), output in zip(walked, outputs, strict=True):
        assert expected
        assert_in_order(fragments(expected), output)


async def test_the_request_of_the_first_page_uploads_a_chat(
    api: httpx2.AsyncClient, environment: dict[str, str], tmp_path: Path
) -> None:
    [(command, _)] = WALKED.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    [output] = await printed([command], api, environment, tmp_path)
    assert_in_order(iter(['"title":"Maya"', '"message_count":4099']), output)
