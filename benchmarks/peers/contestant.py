"""A queue library as a contestant: one worker process that runs the body it is given."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib import import_module
from typing import Any, Literal, cast

from benchmarks.bare.body import BodySetup
from benchmarks.child import Child
from benchmarks.contestant import Job, Load
from benchmarks.peers.interface import Library, PeerSetup

VARIABLE = "PEER"
IN_FLIGHT = 64
CONNECTIONS = 16

LibraryName = Literal["saq", "arq", "procrastinate", "dramatiq", "taskiq"]
LIBRARIES: tuple[LibraryName, ...] = ("saq", "arq", "procrastinate", "dramatiq", "taskiq")
Form = Literal["plain", "batched"]
_TITLES: dict[LibraryName, str] = {
    "saq": "SAQ",
    "arq": "ARQ",
    "procrastinate": "Procrastinate",
    "dramatiq": "Dramatiq",
    "taskiq": "Taskiq, stock broker",
}


class Peer:
    """`library` with the ceiling's body: as many jobs in flight and as many connections."""

    def __init__(
        self, library: LibraryName, *, form: Form = "plain", in_flight: int = IN_FLIGHT
    ) -> None:
        self.name = f"{_TITLES[library]}, {form} body"
        self._name = library
        self._form = form
        self._in_flight = in_flight
        self._library = library_named(library)
        self._setup: PeerSetup | None = None
        self._child: Child | None = None

    def start(self, *, database_url: str, redis_url: str, master_key: str, load: Load) -> None:
        body = BodySetup(self._form, CONNECTIONS, database_url, master_key, load)
        self._setup = setup = PeerSetup(body, redis_url, self._in_flight)
        _await(self._library.prepare(setup))
        told = {VARIABLE: json.dumps(asdict(setup))}
        self._child = Child("benchmarks.peers.worker", self._name, variables=told)

    def enqueue(self, jobs: Sequence[Job]) -> None:
        assert self._setup is not None, "start it first"
        _await(self._library.send(self._setup, jobs))

    def pids(self) -> list[int]:
        return self._child.pids() if self._child is not None else []

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


def library_named(name: str) -> Library:
    """The module that speaks to it, imported when it is asked for."""
    return cast(Library, import_module(f"benchmarks.peers.on_{name}"))


def _await(work: Coroutine[Any, Any, None]) -> None:
    """From a function that may itself be called on an event loop: in a thread, on another loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
