"""The product's processes: started, watched, struck, started again, and all ended at the end."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

MARK = "CHAOS_RUN"
"""In the environment of every process of a campaign: by it they are found again."""
RESTART_S = 0.2
TERM_WAIT_S = 8.0
SKEWS_S = (0.0, 3600.0, -3600.0, 86_400.0)


class Role(StrEnum):
    API = "api"
    WORKER = "worker"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILLed processes, just after it: `at` is `time.monotonic()`."""

    at: float
    pids: frozenset[int]


@dataclass
class Member:
    """One process of the product, with its children, in a session of its own."""

    name: str
    role: Role
    argv: list[str]
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    is_frozen: bool = False
    is_expected_to_end: bool = False
    watcher: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        if self.process is None or self.process.returncode is not None:
            return None
        return self.process.pid


class Fleet:
    """Keeps its members running until it is told to stop."""

    def __init__(self, tree: Path, environment: dict[str, str], logs: Path, seed: int) -> None:
        self._tree = tree
        self._environment = environment
        self._logs = logs
        self._drawn = random.Random(f"skew:{seed}")
        self._stopping = False
        self.members: list[Member] = []
        self.kills: list[Kill] = []
        self.unexpected: list[str] = []
        self.skewed = 0

    async def start(self, name: str, role: Role, *argv: str) -> None:
        member = Member(name, role, [sys.executable, *argv])
        self.members.append(member)
        await self._spawn(member)
        member.watcher = asyncio.create_task(self._keep(member))

    def of(self, role: Role) -> list[Member]:
        return [member for member in self.members if member.role is role]

    def working(self) -> list[int]:
        """The worker processes proper."""
        return [
            child
            for member in self.of(Role.WORKER)
            if member.pid is not None
            for child in _working_children(member.pid)
        ]

    def kill_group(self, member: Member) -> bool:
        pid = member.pid
        if pid is None:
            return False
        return self._kill(member, [pid, *_descendants(pid)], ends=True)

    def kill_manager(self, member: Member) -> bool:
        """Its children are orphans then, and must end by themselves."""
        return member.pid is not None and self._kill(member, [member.pid], ends=True)

    def kill_child(self, member: Member) -> bool:
        """The worker process proper; its manager starts another."""
        children = [] if member.pid is None else _working_children(member.pid)
        return bool(children) and self._kill(member, children, ends=False)

    def terminate(self, member: Member) -> bool:
        if member.pid is None or member.is_frozen:
            return False
        member.is_expected_to_end = True
        os.kill(member.pid, signal.SIGTERM)
        return True

    async def freeze(self, member: Member, seconds: float) -> bool:
        """SIGSTOP to the whole group, SIGCONT after `seconds`; it may be killed meanwhile."""
        pid = member.pid
        if pid is None or member.is_frozen:
            return False
        member.is_frozen = True
        frozen = [pid, *_descendants(pid)]
        _signal_all(frozen, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            if member.pid == pid:
                _signal_all(frozen, signal.SIGCONT)
                member.is_frozen = False
        return True

    async def stop(self) -> None:
        """Ends every process of the campaign, orphans included."""
        self._stopping = True
        for member in self.members:
            if member.pid is not None:
                if member.is_frozen:
                    _signal_all([member.pid, *_descendants(member.pid)], signal.SIGCONT)
                with suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGTERM)
        watchers = [member.watcher for member in self.members if member.watcher is not None]
        if watchers:
            await asyncio.wait(watchers, timeout=TERM_WAIT_S)
        _signal_all(processes_of(self._environment[MARK]), signal.SIGKILL)
        if watchers:
            await asyncio.wait(watchers, timeout=TERM_WAIT_S)

    def _kill(self, member: Member, pids: list[int], *, ends: bool) -> bool:
        member.is_expected_to_end |= ends
        _signal_all(pids, signal.SIGKILL)
        self.kills.append(Kill(time.monotonic(), frozenset(pids)))
        return True

    async def _spawn(self, member: Member) -> None:
        environment = dict(self._environment)
        skew_s = self._drawn.choice(SKEWS_S) if member.role is not Role.API else 0.0
        if member.starts and skew_s:
            environment["CHAOS_SKEW_S"] = str(skew_s)
            self.skewed += 1
        member.starts += 1
        member.is_frozen = member.is_expected_to_end = False
        with (self._logs / f"{member.name}.log").open("ab") as log:
            member.process = await asyncio.create_subprocess_exec(
                *member.argv,
                cwd=self._tree,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def _keep(self, member: Member) -> None:
        while True:
            assert member.process is not None
            code = await member.process.wait()
            if self._stopping:
                return
            if not member.is_expected_to_end:
                self.unexpected.append(f"{member.name} ended by itself with code {code}")
            await asyncio.sleep(RESTART_S)
            if self._stopping:
                return
            await self._spawn(member)


def processes_of(mark: str) -> list[int]:
    """Every process that was started with this mark in its environment."""
    wanted = f"{MARK}={mark}".encode()
    return [pid for pid in _all_pids() if wanted in _read(f"/proc/{pid}/environ").split(b"\0")]


def _all_pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _children(pid: int) -> list[int]:
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for child in _children(pid):
        found += [child, *_descendants(child)]
    return found


def _working_children(pid: int) -> list[int]:
    """multiprocessing's own servants are no workers."""
    return [
        child
        for child in _children(pid)
        if b"resource_tracker" not in _read(f"/proc/{child}/cmdline")
    ]


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
