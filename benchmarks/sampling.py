"""Where a Python process spends its processor time, by samples of py-spy."""

import asyncio
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

RATE_S = 250
SPY_TIMEOUT_S = 60.0
SHOWN = 25

_FRAME = re.compile(r"^(?P<function>.+) \((?P<place>[^()]*)\)$")
_LINE = re.compile(r":\d+\)$")
_OURS = ("app", "workers", "benchmarks")
_STDLIB = sys.stdlib_module_names

Stack = tuple[str, ...]
"""Frames from the outermost to the innermost, as `function (file)`."""


@dataclass(frozen=True)
class Samples:
    """How often each stack was seen at work."""

    stacks: Counter[Stack]

    @property
    def total(self) -> int:
        return self.stacks.total()

    def by_layer(self) -> list[tuple[str, float]]:
        """The share of each package's own code, the largest first."""
        own: Counter[str] = Counter()
        for stack, count in self.stacks.items():
            own[layer_of(stack[-1])] += count
        return [(name, count / self.total) for name, count in own.most_common()]

    def by_function(self, shown: int = SHOWN) -> list[tuple[str, float, float]]:
        """(function, its own share, its share with all it calls), the largest own share first."""
        own: Counter[str] = Counter()
        within: Counter[str] = Counter()
        for stack, count in self.stacks.items():
            own[stack[-1]] += count
            for frame in set(stack):
                within[frame] += count
        return [
            (frame, count / self.total, within[frame] / self.total)
            for frame, count in own.most_common(shown)
        ]


async def sample(pid: int, seconds: float, output: Path) -> Samples:
    """Watches the process; RuntimeError with py-spy's own words where it may not."""
    spying = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("py-spy")),
        *("record", "--pid", str(pid), "--duration", f"{seconds:.0f}", "--rate", str(RATE_S)),
        # Whoever holds the interpreter's lock works; who waits for a socket or a job does not.
        *("--gil", "--format", "raw", "--function", "--output", str(output)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await asyncio.wait_for(spying.communicate(), seconds + SPY_TIMEOUT_S)
    finally:
        if spying.returncode is None:
            spying.kill()
            await spying.wait()
    if spying.returncode:
        raise RuntimeError(f"py-spy may not watch process {pid}:\n{said.decode()}")
    return parsed((await asyncio.to_thread(output.read_text)).splitlines())


def parsed(lines: Iterable[str]) -> Samples:
    """Of the raw format: `outermost;…;innermost count`."""
    stacks: Counter[Stack] = Counter()
    for line in lines:
        frames, _, count = line.rpartition(" ")
        if frames:
            stacks[tuple(_LINE.sub(")", frame) for frame in frames.split(";"))] += int(count)
    return Samples(stacks)


def layer_of(frame: str) -> str:
    """`app.jobs`, `sqlalchemy`, `Python's asyncio`, …: whose code the frame is."""
    found = _FRAME.match(frame)
    parts = found["place"].split("/") if found else [frame]
    first = parts[0].removesuffix(".py")
    if first in _OURS:
        return ".".join([first, *(part.removesuffix(".py") for part in parts[1:2])])
    if first in _STDLIB or parts[0].startswith("<"):
        return f"Python's {first}"
    return first


def tables(samples: Samples) -> str:
    """Two Markdown tables: by whose code, and by function."""
    layers = [(f"{name}", f"{share:.1%}") for name, share in samples.by_layer() if share >= 0.005]
    functions = [
        (f"`{frame}`", f"{own:.1%}", f"{within:.1%}")
        for frame, own, within in samples.by_function()
    ]
    return "\n\n".join(
        (
            _table(("code of", "own time"), layers),
            _table(("function", "own time", "with its calls"), functions),
        )
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *["--:"] * (len(heads) - 1)]
    lines = [heads, rule, *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '¦') for cell in line)} |" for line in lines)
