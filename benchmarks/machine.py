"""Readings of the machine: what it is, and what processes take of it. Linux has them in /proc."""

import os
import platform
import resource
import subprocess
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PROC = Path("/proc")
PACKAGES = (
    "taskiq",
    "taskiq-redis",
    "sqlalchemy",
    "asyncpg",
    "redis",
    "fastapi",
    "uvicorn",
    "uvloop",
    "pydantic",
    "celery",
    "psycopg",
    "gevent",
    "saq",
    "arq",
    "procrastinate",
    "dramatiq",
)
OPEN_FILES = 8_192
"""Two thousand listeners are as many sockets in the API and in their own process."""
LOCK = Path(__file__).resolve().parent.parent / "requirements-bench.lock"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _CSTIME = 11, 15  # Places after the command's name in /proc/PID/stat, proc(5).
_PPID = 1


def describe() -> dict[str, Any]:
    """Processor, memory, kernel, Python and the versions of what is measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "lock": sha256(LOCK.read_bytes()).hexdigest()[:16],
        "open_files_max": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "commit": _commit(),
        "load_average_before": [round(load, 2) for load in os.getloadavg()],
    }


def allow_open_files() -> None:
    """Raises the limit of this process and its children, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def require_open_files(count: int) -> None:
    """RuntimeError, which says what to do, where a process may not have so many open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        raise RuntimeError(f"{count} open files are needed, {soft} allowed: see `ulimit -Hn`")


def pss_mb(pids: Iterable[int]) -> float | None:
    """Memory of the processes in MB, pages that several share divided among them.

    None where the kernel does not tell.
    """
    if not PROC.is_dir():
        return None
    return sum(_pss_kb(pid) for pid in pids) / 1024


def available_mb() -> float:
    """Memory that processes could still take, in MB; without end where the kernel does not tell."""
    try:
        lines = (PROC / "meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return next(int(line.split()[1]) / 1024 for line in lines if line[:13] == "MemAvailable:")


def cpu_s(pids: Iterable[int]) -> float:
    """Processor seconds of these processes and of the children they have waited for."""
    ticks = 0
    for pid in pids:
        fields = _stat(pid)
        if fields:
            ticks += sum(int(field) for field in fields[_UTIME:_CSTIME])
    return ticks / _TICKS_PER_S


def family(pid: int) -> list[int]:
    """The process, its children, and theirs; empty when it is gone."""
    children: dict[int, list[int]] = {}
    for entry in PROC.glob("[0-9]*"):
        fields = _stat(int(entry.name))
        if fields:
            children.setdefault(int(fields[_PPID]), []).append(int(entry.name))
    found, queue = [], [pid] if _stat(pid) else []
    while queue:
        found.append(one := queue.pop())
        queue += children.get(one, [])
    return found


def _stat(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _pss_kb(pid: int) -> int:
    try:
        rollup = (PROC / str(pid) / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if line[:4] == "Pss:"), 0)


def _processor() -> str:
    try:
        lines = (PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    try:
        asked = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 (whichever git there is)
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parent,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout.strip()
