"""Hostile inputs for the importer: `python -m tests.chats.fuzz --seconds 600`.

Inputs are mutations of exports in every layout of every messenger. It ends at the first crash, at
the first input that takes longer than HANG_S, and at the first that takes more memory than
`memory_allowed`; it prints the input's seed, from which it can be made again.
"""

import argparse
import contextlib
import random
import sys
import time
import tracemalloc

from app.chats.exchange import ReadingOrder
from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import find_format
from app.chats.formats.tables import rows
from app.chats.formats.whatsapp.phrase_table import phrases, table
from app.chats.reading import read_chat
from app.chats.transcript import DateOrder
from app.errors import DomainError
from tests.support.exports import LAYOUTS, chat_of

HANG_S = 1.0
MEMORY_FACTOR = 6
FLOOR_BYTES = 4 << 20
MESSAGE_BYTES = 350
"""What a message takes however short it is: itself, its time, its number, its text."""
_MEASURED_EVERY = 500
_LARGE_EVERY = 2_000
_LARGE_REPEATS = 2_000

HEADERS = (
    "13/02/2024, 10:{:02} - ", "[13/02/24, 10:{:02}:01] ", "2/13/24, 9:{:02} PM - ",
    "13.02.24, 10:{:02} - ", "2024/2/13 下午9:{:02} - ", "[1403/01/02, 10:{:02}:00] ",
    "13 Mar 2024, 10:{:02} - ", "\u200e[13/02/2567 BE, 10:{:02}:01] ", "10:{:02} 13/02/24 - ",
)  # fmt: skip
_PIECES = (
    "\u200e", "\u200f", "\u202f", "<", ">", "‹", "[", "]", ": ", ":", "\n", "\r\n", "\0", "\ud800",
    "(", ")", " - ", "{", "}", "},\n {", '"', "'", "\\", "\\x0F", "\t", ",", '"messages": [',
    "<sms ", "&#55357;", "PK\3\4", "\ufeff", "POLL:\n", "https://", "null", "é", "😀" * 9,
)  # fmt: skip
_PHRASES = phrases(*{kind for _, kind, _ in table()})
_PERIODS = [row[1] for row in rows("whatsapp/day_periods.tsv")]


def make(seed: int) -> bytes:
    """The input of a seed."""
    draw = random.Random(seed)
    text = list(_whatsapp(draw) if draw.random() < 0.5 else _of_another(draw))
    for _ in range(draw.randrange(12)):
        at = draw.randrange(len(text) + 1)
        match draw.randrange(4):
            case 0:
                text[at:at] = draw.choice(_PIECES) * draw.randrange(1, 60)
            case 1:
                del text[at : at + draw.randrange(1, 40)]
            case 2:
                text[at:at] = text[at : at + draw.randrange(1, 200)] * draw.randrange(1, 9)
            case _:
                text[at:at] = draw.choice(_PHRASES)
    raw = bytearray("".join(text).encode("utf-8", "surrogatepass"))
    if draw.random() < 0.2 and raw:
        for _ in range(draw.randrange(1, 20)):
            raw[draw.randrange(len(raw))] = draw.randrange(256)
    if seed % _LARGE_EVERY == 0:
        raw *= _LARGE_REPEATS // (1 + len(raw) // 1_000)
    return bytes(raw)


def _whatsapp(draw: random.Random) -> str:
    header = draw.choice(HEADERS)
    return "\n".join(
        header.format(draw.randrange(60))
        + draw.choice(("Nia: ", "Olo: ", "", "A: B: ", "Nia:"))
        + draw.choice((*_PIECES, draw.choice(_PHRASES), draw.choice(_PERIODS), "hi there"))
        for _ in range(draw.randrange(1, 30))
    )


def _of_another(draw: random.Random) -> str:
    layout = LAYOUTS[draw.choice(list(LAYOUTS))]
    said = chat_of(draw.randrange(1, 12), people=(layout.own, "Lake house"))
    return layout.render(said)


def try_one(raw: bytes) -> float:
    """Reads an input as an upload is read; the seconds of CPU it took."""
    started = time.process_time()
    with contextlib.suppress(DomainError):
        read_chat(raw, ReadingOrder("chat.txt", DateOrder.DMY, "UTC"), bytes_max=64 << 20)
    return time.process_time() - started


def memory_of(raw: bytes) -> tuple[int, int]:
    """The most bytes that parsing an input holds at a time, beyond the input itself; and how many
    messages and notices came of it."""
    made = 0
    tracemalloc.start()
    try:
        with contextlib.suppress(DomainError):
            read = find_format(raw).read(raw, ReadingOptions(DateOrder.DMY))
            made = len(read.messages) + len(read.notices)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak, made


def memory_allowed(raw: bytes, made: int) -> int:
    """In proportion to the input, and for what came of it."""
    return FLOOR_BYTES + MEMORY_FACTOR * len(raw) + MESSAGE_BYTES * made


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    options = argparse.ArgumentParser()
    for name in ("--inputs", "--seconds", "--seed"):
        options.add_argument(name, type=int, required=True)
    asked = options.parse_args()
    ends_at = time.monotonic() + asked.seconds
    slowest, tried = 0.0, 0
    for seed in range(asked.seed, asked.seed + asked.inputs):
        if time.monotonic() > ends_at:
            break
        raw = make(seed)
        took = try_one(raw)
        tried += 1
        slowest = max(slowest, took)
        bounds_s = HANG_S * max(1, len(raw) / (1 << 20))
        if took > bounds_s and min(took, try_one(raw)) > bounds_s:
            _say(f"seed {seed}: {took:.2f} s for {len(raw):,} bytes")
            return 1
        if tried % _MEASURED_EVERY == 1 or len(raw) > FLOOR_BYTES // MEMORY_FACTOR:
            peak, made = memory_of(raw)
            if peak > memory_allowed(raw, made):
                _say(f"seed {seed}: {peak:,} bytes of memory for {len(raw):,}")
                return 1
    _say(f"{tried:,} inputs from seed {asked.seed}: no crash; the slowest took {slowest:.3f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
