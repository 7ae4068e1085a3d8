"""Judges the offline insights on made-up chats; exit code 1 when a target is missed.

python -m benchmarks.offline_quality [--rounds 2] [--seed 1] [--json] [--false] [--missed]
"""

import argparse
import json
import sys

from benchmarks.offline_quality.kinds import chats
from benchmarks.offline_quality.report import as_json, as_text, is_met, told_false, told_missed
from benchmarks.offline_quality.run import judge


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--rounds", type=int, default=2, help="each adds every kind of chat in every language"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--false", action="store_true", help="show the claims judged false")
    parser.add_argument(
        "--missed", action="store_true", help="show the facts that did not come out"
    )
    given = parser.parse_args()
    judged = judge(chats(given.seed, rounds=given.rounds))
    print(json.dumps(as_json(judged), indent=1) if given.json else as_text(judged))
    if given.false:
        print("\n" + told_false(judged))
    if given.missed:
        print("\n" + told_missed(judged))
    sys.exit(0 if is_met(judged) else 1)


if __name__ == "__main__":
    main()
