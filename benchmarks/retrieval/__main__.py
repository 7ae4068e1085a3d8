"""What the retrieval finds in meetings and in chats, and how fast; 1 when a target is missed.

python -m benchmarks.retrieval [PATH…]    files of meetings in QMSum's form, one a line
"""

import argparse
import sys
from pathlib import Path

from benchmarks.retrieval.measures import chats_by_shape, coverage, found, speed
from benchmarks.retrieval.meetings import meetings
from benchmarks.retrieval.planted import PARTS

COVERAGE_MIN, FOUND_MIN = 0.52, 0.88
INDEX_S_MAX, QUERY_S_MAX = 0.3, 0.002


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    given = parser.parse_args()
    is_met = [_covers(path) for path in given.paths]
    shapes = chats_by_shape()
    for part in PARTS:
        for name, chats in shapes.items():
            print(f"chats, {name}, {part}: any@10 {found(chats, part):.3f}")
        every = found([chat for chats in shapes.values() for chat in chats], part)
        print(f"chats, all, {part}: any@10 {every:.3f} (≥ {FOUND_MIN})")
        is_met.append(every >= FOUND_MIN)
    index_s, query_s = speed()
    print(f"40,000 messages, CPU: index {index_s:.3f} s (≤ {INDEX_S_MAX}), ", end="")
    print(f"query {1000 * query_s:.2f} ms (≤ {1000 * QUERY_S_MAX:.0f})")
    is_met.append(index_s <= INDEX_S_MAX and query_s <= QUERY_S_MAX)
    sys.exit(0 if all(is_met) else 1)


def _covers(path: Path) -> bool:
    share = coverage(meetings(path))
    print(f"meetings, {path.name}: cov@1500w {share:.3f} (≥ {COVERAGE_MIN})")
    return share >= COVERAGE_MIN


if __name__ == "__main__":
    main()
