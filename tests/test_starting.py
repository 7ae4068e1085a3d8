"""What a process does not need it does not import: start-up is a good part of short commands."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("imported", "unneeded"),
    [
        ("app.cli", {"alembic", "app.main", "fastapi"}),
        ("app.main", {"app.chats.formats.registry", "app.generation.model", "numpy"}),
    ],
)
def test_a_process_imports_nothing_that_only_others_need(imported: str, unneeded: set[str]) -> None:
    listed = subprocess.run(
        [sys.executable, "-c", f"import {imported}, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert set(listed.stdout.split()) & unneeded == set()
