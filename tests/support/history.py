"""The history of the project, where this copy of it has one."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


@cache
def has_history() -> bool:
    """Whether git is there, and knows every commit."""
    try:
        return git("rev-parse", "--is-shallow-repository", "HEAD").startswith(b"false")
    except (OSError, subprocess.CalledProcessError):
        return False
