"""What a running instance tells others (run.json), and what it leaves its successor."""

import json
from collections.abc import Mapping
from pathlib import Path
from signal import SIGTERM
from typing import Any

from app.local.embedded.data_dir import write_atomically
from app.local.embedded.processes import Process
from app.settings import RUN_FILE

CHILDREN_FILE = "children.json"


def write_run_file(
    data_dir: Path, *, url: str, database_url: str, redis_url: str, pids: Mapping[str, int]
) -> None:
    """Tell other commands how to reach the instance. Has passwords: mode 600."""
    content = {
        "url": url,
        "database_url": database_url,
        "redis_url": redis_url,
        "pids": dict(pids),
    }
    write_atomically(data_dir / RUN_FILE, json.dumps(content, indent=1))


def remove_run_file(data_dir: Path) -> None:
    """Nothing runs here any more."""
    (data_dir / RUN_FILE).unlink(missing_ok=True)


def record_children(data_dir: Path, processes: Mapping[str, Process]) -> None:
    """Note who was started, so that a later supervisor can end them if this one is killed."""
    known = {name: {"pid": p.pid, "started": p.started} for name, p in processes.items()}
    write_atomically(data_dir / CHILDREN_FILE, json.dumps(known, indent=1))


def end_leftovers(data_dir: Path, *, grace_s: float) -> list[str]:
    """End what a killed supervisor left running; the names of those that were.

    A process counts only if it started at the very moment noted: pids are given away again.
    """
    left = {
        name: process
        for name, note in _read(data_dir / CHILDREN_FILE).items()
        if (process := _still_running(note)) is not None
    }
    for process in left.values():
        process.send(SIGTERM)
    for process in left.values():
        process.wait(grace_s)
        process.kill_group()
    forget_children(data_dir)
    return sorted(left)


def forget_children(data_dir: Path) -> None:
    """All that were noted have ended."""
    (data_dir / CHILDREN_FILE).unlink(missing_ok=True)


def _still_running(note: Mapping[str, Any]) -> Process | None:
    process = Process(int(note["pid"]))
    return process if process.started is not None and process.started == note["started"] else None


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
