"""Do sentences that name an event name one? Prints their precision; exit code 1 below .98.

python -m benchmarks.offline_quality.events [--rounds 3] [--seed 1] [--json] [--false]
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.offline_quality.event_judge import (
    PRECISION_MIN,
    Sentence,
    Told,
    judge_events,
    precision,
)
from benchmarks.offline_quality.run import write_all
from benchmarks.offline_quality.scenes import scene_chats


def judged(seed: int, *, rounds: int, held_out: bool) -> list[Told]:
    """Every scene of one set, told and judged."""
    chats = scene_chats(seed, rounds=rounds, held_out=held_out)
    return [judge_events(chat, write_all(chat)) for chat in chats]


def as_json(told: Sequence[Told]) -> dict[str, Any]:
    """Precision by category and language; recall of what was planted, by kind."""
    sentences = [each for one in told for each in one.sentences]
    planted, found = Counter[str](), Counter[str]()
    for one in told:
        planted.update(one.planted)
        found.update(one.found)
    return {
        "sentences": len(sentences),
        "precision": round(precision(sentences), 4),
        "by_category": _parted(sentences, lambda each: each.insight[0]),
        "by_language": _parted(sentences, lambda each: each.chat.language),
        "by_kind": _parted(sentences, lambda each: each.kind),
        "recall": round(sum(found.values()) / max(1, sum(planted.values())), 4),
        "recall_by_kind": {kind: round(found[kind] / planted[kind], 2) for kind in sorted(planted)},
    }


def _parted(sentences: Sequence[Sentence], by: Callable[[Sentence], str]) -> dict[str, str]:
    parts: dict[str, list[Sentence]] = {}
    for each in sentences:
        parts.setdefault(by(each), []).append(each)
    return {name: f"{precision(part):.3f} of {len(part)}" for name, part in sorted(parts.items())}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--false", action="store_true", help="show the sentences judged false")
    given = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    for name, held_out in (("tuned", False), ("held out", True)):
        told = judged(given.seed, rounds=given.rounds, held_out=held_out)
        results[name] = as_json(told)
        wrong = [each for one in told for each in one.sentences if not each.is_true]
        for each in wrong if given.false else ():
            print(f"{name} {each.chat.name} [{each.kind}] {each.text} {list(each.cited)}")
    print(json.dumps(results, indent=1) if given.json else _as_text(results))
    sys.exit(0 if all(each["precision"] >= PRECISION_MIN for each in results.values()) else 1)


def _as_text(results: dict[str, dict[str, Any]]) -> str:
    lines: list[str] = []
    for name, result in results.items():
        lines.append(
            f"{name}: precision {result['precision']:.3f} of {result['sentences']} sentences that "
            f"name an event (at least {PRECISION_MIN}); {result['recall']:.0%} of the planted told"
        )
        for part in ("by_category", "by_language", "by_kind", "recall_by_kind"):
            told = ", ".join(f"{key} {value}" for key, value in result[part].items())
            lines.append(f"  {part}: {told}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
