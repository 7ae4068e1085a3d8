"""The worker process of a peer.

PEER='{…}' python -m benchmarks.peers.worker saq
"""

import json
import logging
import os
import sys
from typing import Any

import uvloop

from benchmarks.bare.body import BodySetup
from benchmarks.child import READY
from benchmarks.contestant import Load
from benchmarks.peers.contestant import VARIABLE, library_named
from benchmarks.peers.interface import PeerSetup


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    given: dict[str, Any] = json.loads(os.environ[VARIABLE])
    body = given["body"]
    setup = PeerSetup(
        body=BodySetup(**body | {"load": Load(**body["load"])}),
        redis_url=given["redis_url"],
        in_flight=given["in_flight"],
    )
    uvloop.run(library_named(sys.argv[1]).work(setup, lambda: print(READY, flush=True)))


if __name__ == "__main__":
    main()
