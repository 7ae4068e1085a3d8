"""The process that prepares chats: `python -m app.generation.preparing_process`.

It works at a lower priority than what serves: a chat that waits is late, a lease that waits is
lost.
"""

import os
from itertools import chain

import orjson

from app.chats.blocks import decode_block
from app.frames import Frames, serve
from app.generation.preparation import prepare

NICENESS = 10


def answer(request: Frames) -> Frames:
    """The parts of a chat, of which the opened blocks are given: a list of them, and each."""
    messages = list(chain.from_iterable(map(decode_block, request)))
    prepared = prepare(messages)
    head = {
        "parts": list(prepared.parts),
        "unwritten": prepared.unwritten,
        "substance": prepared.substance,
    }
    return [orjson.dumps(head), *prepared.parts.values()]


if __name__ == "__main__":
    os.nice(NICENESS)
    serve(answer)
