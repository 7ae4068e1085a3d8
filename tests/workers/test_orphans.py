"""A worker whose manager has died ends, however early that was."""

import subprocess
import sys

FORKED = """
import asyncio, multiprocessing, os, signal
from workers.broker import WakeUpBroker

manager = os.getpid()
gone, alive = os.pipe()

async def find_due(room):
    return []

async def listen():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    broker = WakeUpBroker()
    broker.connect("redis://127.0.0.1:1")
    broker.rescue_with(find_due, task_name="nothing", rescue_s=0.01)
    messages = broker.listen()
    listening = asyncio.ensure_future(anext(messages))
    async with asyncio.timeout(45):
        await ended.wait()
    print("ended", flush=True)
    os._exit(0)

def work():
    os.close(alive)
    os.read(gone, 1)  # Ends when the manager does.
    while os.getppid() == manager:
        pass
    asyncio.run(listen())

multiprocessing.get_context("fork").Process(target=work).start()
os._exit(0)
"""


def test_a_worker_whose_manager_died_before_it_listened_ends() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.stdout.splitlines()[-1:] == ["ended"], told.stderr
