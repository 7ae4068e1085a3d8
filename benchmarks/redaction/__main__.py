"""Judges redaction on invented sentences of 16 countries; exit code 1 when a target is missed.

python -m benchmarks.redaction [--wrong]
"""

import argparse
import sys

from benchmarks.redaction.corpus import sentences
from benchmarks.redaction.judge import as_text, judge


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--wrong",
        action="store_true",
        help="show the seen sentences that are not sent as they should be",
    )
    given = parser.parse_args()
    all_ = list(sentences())
    print(as_text(all_))
    if given.wrong:
        for sentence, sent in judge(one for one in all_ if one.part == "seen").wrong:
            print(f"{sentence.country} {sentence.kind}: {sentence.marked!r}\n    {sent!r}")
    parts = [judge(one for one in all_ if one.part == part) for part in ("seen", "held_out")]
    sys.exit(0 if all(score.is_met for score in parts) else 1)


if __name__ == "__main__":
    main()
