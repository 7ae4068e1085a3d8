"""Processes that compute for this one: a bounded number, started when needed, ended when idle.

A process and not a thread: what splits 40 MB of text holds the interpreter's lock all the while.
It is isolated, with an empty environment: what reads strangers' files knows no secret and no
address, and its end ends nothing else.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

import structlog

from app.frames import FAILED, Frames, encoded, receive_message

KEPT_BYTES_MAX = 8 * 1024 * 1024
"""After a larger request the process ends, to give its memory back."""
IDLE_S = 60
END_S = 5

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ProcessFailed(RuntimeError):
    """A process failed or ended: a bug, or not enough memory. Says where, and nothing it read."""


class ProcessPool:
    """At most `count` processes of one module, which answers by `app.frames.serve`.

    Belongs to the loop that uses it first.
    """

    def __init__(self, module: str, count: int) -> None:
        self._module = module
        self._slots = asyncio.Semaphore(count)
        self._idle: dict[Process, asyncio.TimerHandle] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def ask(self, frames: Frames, *, within_s: float) -> Frames:
        """What one of the processes answers. Raises TimeoutError and ProcessFailed."""
        async with self._slots:
            process = await self._take()
            is_reusable = False
            try:
                async with asyncio.timeout(within_s):
                    status, *reply = await _exchange(process, frames)
                is_reusable = status != FAILED and sum(map(len, frames)) <= KEPT_BYTES_MAX
            except TimeoutError:
                raise
            except (OSError, asyncio.IncompleteReadError) as error:
                raise ProcessFailed("the process ended") from error
            finally:
                if is_reusable:
                    self._keep(process)
                else:
                    await _end(process)
        if status == FAILED:
            raise ProcessFailed(reply[0].decode())
        return reply

    async def close(self) -> None:
        """Ends the processes that wait for work."""
        while self._idle:
            process, timer = self._idle.popitem()
            timer.cancel()
            await _end(process)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _take(self) -> Process:
        while self._idle:
            process, timer = self._idle.popitem()
            timer.cancel()
            if process.returncode is None:
                return process
        # A session of its own: Ctrl-C is for this process to answer, and closed pipes end that one.
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", self._module),
            stdin=PIPE,
            stdout=PIPE,
            env={},
            start_new_session=True,
        )

    def _keep(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        self._idle[process] = loop.call_later(IDLE_S, self._expire, process)

    def _expire(self, process: Process) -> None:
        if self._idle.pop(process, None) is not None:
            ending = asyncio.create_task(_end(process))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


async def _exchange(process: Process, frames: Frames) -> Frames:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("a process was started without pipes")
    for piece in encoded(frames):
        process.stdin.write(piece)
    await process.stdin.drain()
    return await receive_message(process.stdout)


async def _end(process: Process) -> None:
    """Ends a process for good, however busy it is, and closes its pipes."""
    if process.returncode is None:
        process.kill()
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(END_S):
            await process.communicate()
    except TimeoutError:
        log.warning("process.did_not_end", pid=process.pid)
