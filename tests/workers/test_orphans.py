"""A worker whose manager has died knows it, however early that was."""

import subprocess
import sys

FORKED = """
import multiprocessing, os
from workers.broker import parent_pid

manager = os.getpid()
gone, alive = os.pipe()

def work():
    os.close(alive)
    os.read(gone, 1)  # Ends when the manager does.
    while os.getppid() == manager:
        pass
    print(parent_pid() == manager, flush=True)

multiprocessing.get_context("fork").Process(target=work).start()
os._exit(0)
"""


def test_a_parent_that_dies_before_the_worker_listens_is_known_by_its_pid() -> None:
    told = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False
    )
    assert told.stdout.split() == ["True"], told.stderr
